import type { Episode, MethodName } from "@/contracts/episode";
import type { Question } from "@/contracts/worker-protocol";

/** A way to gather documents for questions: s3, naive RAG, and whatever it is compared with. */
export interface Method {
  readonly name: MethodName;
  /** One episode per question, in order. Throws AppError where a service stays unavailable. */
  run(questions: readonly Question[], signal: AbortSignal): Promise<Episode[]>;
}
