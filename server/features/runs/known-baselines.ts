import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import { parseRunIds } from "@/contracts/run-config/rl";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { chooseQuestions } from "@/core/questions/choose-questions";
import { asksGenerator } from "@/core/run/trained-method";
import { SharedAnswers } from "@/server/features/metrics/shared-answers";
import type { Statements } from "@/server/platform/db/database";
import {
  selectAnsweredQuestions,
  selectBaselineSource,
  selectSetQuestions,
  type AskedQuestion,
} from "./form-queries";

const getKey = ({ question, options }: AskedQuestion): string =>
  buildQuestionKey(formatQuestionText({ question, options: options ?? undefined }));

interface Known {
  known: number;
  questions: number;
}

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
    const { setId, runs: ended } = await selectBaselineSource(this.db, trainQuestions, runs);
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
      selectSetQuestions(this.db, setId),
      selectAnsweredQuestions(this.db, runs),
    ]);
    const keys = new Set(held.map(getKey));
    const trained = chooseQuestions(all, { limit: null, skipYesNo });
    return {
      known: trained.filter((question) => keys.has(getKey(question))).length,
      questions: trained.length,
    };
  }
}
