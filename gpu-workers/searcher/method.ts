import type { Episode, MethodName } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";

/** A way to gather documents for questions, or to answer them: s3, naive RAG, and whatever it is compared with. */
export interface Method {
  readonly name: MethodName;
  /**
   * One episode per question, in order. Throws AppError where a service stays unavailable. Questions are independent:
   * asking for them one by one, several at once, gives the same episodes.
   */
  run(questions: readonly Question[], signal: AbortSignal): Promise<Episode[]>;
}

/** A method that asks a model of its own: its episodes take long, and their keys are known before they are made. */
export interface ModelMethod extends Method {
  computeEpisodeKey(question: Question): string;
  /** How the answers that the method gives itself are labelled; null where the generator answers. */
  readonly ownAnswerLabel: { model: string; prompt: string } | null;
}
