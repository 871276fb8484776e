import { z } from "zod";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import { parseRunIds } from "@/contracts/run-config/rl";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { chooseQuestions } from "@/core/questions/choose-questions";
import { asksGenerator } from "@/core/run/trained-method";
import type { Queries } from "@/server/platform/db/database";
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

/**
 * How many training questions the runs of `rl.ragRuns` have answered, found by their text as the worker finds them. Those that
 * they score differently, or for other gold answers, are answered in the run all the same, which the run's preflight counts.
 *
 * @returns null where the run takes naive RAG from no run
 */
export async function countKnownBaselines(
  db: Queries,
  config: RunConfig,
): Promise<{ known: number; questions: number } | null> {
  if (config.kind !== "train" || !asksGenerator(config)) return null;
  const runs = parseRunIds(config.rl.ragRuns);
  if (runs.length === 0) return null;
  const { trainQuestions, skipYesNo } = config.data;
  const [all, held] = await Promise.all([
    queryRows(db, askedSchema, { check: "first" })`
      SELECT question, answers, type, options FROM questions WHERE set_id = (SELECT id FROM question_sets WHERE name = ${trainQuestions} ORDER BY created_at DESC LIMIT 1) ORDER BY ordinal`,
    queryRows(db, askedSchema, { check: "first" })`
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
