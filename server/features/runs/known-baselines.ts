import { z } from "zod";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import { parseRunIds } from "@/contracts/run-config/rl";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { chooseQuestions } from "@/core/questions/choose-questions";
import { asksGenerator } from "@/core/run/trained-method";
import { SharedAnswers } from "@/server/features/metrics/shared-answers";
import type { Statements } from "@/server/platform/db/database";
import { jsonColumn, queryRows } from "@/server/platform/db/query";

const askedSchema = z.object({
  question: z.string(),
  answers: z.array(z.string()),
  type: z.string().nullable(),
  options: jsonColumn<MultipleChoice | null>(),
});

const getKey = ({
  question,
  options,
}: Pick<z.infer<typeof askedSchema>, "question" | "options">): string =>
  buildQuestionKey(formatQuestionText({ question, options: options ?? undefined }));

interface Known {
  known: number;
  questions: number;
}

const sourceSchema = z.object({ setId: z.uuid().nullable(), runs: z.string().nullable() });

/** Whoever fills the form asks for the same count again and again. */
const KEEP_MS = 600_000;
const MOST_KEPT = 100;

/** How many training questions the runs of `rl.ragRuns` have answered. */
export class KnownBaselines {
  /** By question set, choice and ended runs, of which none changes. */
  private readonly answers = new SharedAnswers<Known>(KEEP_MS, MOST_KEPT);

  constructor(private readonly db: Statements) {}

  /**
   * Finds questions by their text as the worker finds them. Those that the runs score differently, or for other gold
   * answers, are answered in the run all the same, which the run's preflight counts.
   *
   * @returns null where the run takes naive RAG from no run
   */
  async count(config: RunConfig): Promise<Known | null> {
    if (config.kind !== "train" || !asksGenerator(config)) return null;
    const runs = parseRunIds(config.rl.ragRuns);
    if (runs.length === 0) return null;
    const { trainQuestions, skipYesNo } = config.data;
    // A run that goes on makes the text of all runs null.
    const [source] = await queryRows(this.db, sourceSchema)`
      SELECT (SELECT id FROM question_sets WHERE name = ${trainQuestions} ORDER BY created_at DESC LIMIT 1) AS "setId",
        (SELECT CASE WHEN bool_and(ended_at IS NOT NULL) THEN string_agg(concat_ws(' ', id, attempt, ended_at, purged_at), ',' ORDER BY id) END FROM runs WHERE id = ANY(${runs}::uuid[])) AS runs`;
    const { setId, runs: ended } = source!;
    const read = (): Promise<Known> => this.countQuestions(setId, runs, skipYesNo);
    return ended === null
      ? read()
      : this.answers.get(JSON.stringify([setId, skipYesNo, ended]), read);
  }

  private async countQuestions(
    setId: string | null,
    runs: readonly string[],
    skipYesNo: boolean | undefined,
  ): Promise<Known> {
    const [all, held] = await Promise.all([
      queryRows(this.db, askedSchema, { check: "first" })`
        SELECT question, answers, type, options FROM questions WHERE set_id = ${setId}::uuid ORDER BY ordinal`,
      queryRows(this.db, askedSchema, { check: "first" })`
        SELECT DISTINCT q.question, q.answers, q.type, q.options FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
        WHERE e.run_id = ANY(${runs}::uuid[]) AND e.phase = 'predict' AND e.answer_id IS NOT NULL`,
    ]);
    const keys = new Set(held.map(getKey));
    const trained = chooseQuestions(all, { limit: null, skipYesNo });
    return {
      known: trained.filter((question) => keys.has(getKey(question))).length,
      questions: trained.length,
    };
  }
}
