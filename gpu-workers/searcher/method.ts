import type { Episode, EpisodeStep, MethodName } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";

/** Hears of what there is of an episode while it is played. */
export type StepsListener = (steps: readonly EpisodeStep[]) => void;

/** A way to collect documents for questions, or to answer them: s3, naive RAG and the other baselines. */
export interface Method {
  readonly name: MethodName;
  /**
   * Runs one episode per question, in order. Throws AppError where a service stays unavailable. Questions are
   * independent: calling it for each one, also several at once, gives the same episodes.
   * `onSteps` hears of the steps of a single question.
   */
  run(
    questions: readonly Question[],
    signal: AbortSignal,
    onSteps?: StepsListener,
  ): Promise<Episode[]>;
}

/** A method that calls a model of its own. Its episodes are slow, so they are cached under keys that are known beforehand. */
export interface ModelMethod extends Method {
  /** Cache key of the question's episode. */
  computeEpisodeKey(question: Pick<Question, "id" | "question" | "options">): string;
  /** Label of the answers that the method gives by itself; null where the generator answers. */
  readonly ownAnswerLabel: { model: string; prompt: string } | null;
}
