import type { Episode } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import type {
  EpisodeRequest,
  SamplingParameters,
  Searcher,
} from "@/gpu-workers/searcher/episode-inputs";
import type { Method } from "@/gpu-workers/searcher/method";
import type { TrainingSequence } from "@/gpu-workers/searcher/training-sequence";
import type { StepPhase, Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import type { Policy } from "./policy";

/**
 * What a run trains: how its episodes are played, and what it is shown before reinforcement learning. Beside the reward
 * this is all that s3 and the trained baselines differ in; the loop is the same.
 */
export interface EpisodeSource {
  /**
   * Plays an episode per request, in order, with the token ids that training needs. Batches do not depend on timing, so
   * the same weights and seeds give the same episodes.
   *
   * @throws AppError where a service stays unavailable: a failure never cuts an episode short
   */
  play(
    searcher: Searcher,
    sampling: SamplingParameters,
    requests: readonly EpisodeRequest[],
    stopwatch: Stopwatch<StepPhase>,
    signal: AbortSignal,
  ): Promise<Episode[]>;
  /** Demonstrations of these questions for the cold start, in order: what the policy should have written is action. */
  demonstrate(
    questions: readonly Question[],
    policy: Policy,
    signal: AbortSignal,
  ): Promise<TrainingSequence[]>;
  /** The method as held-out questions are answered, sampled as `evaluation` says. */
  createEvaluatedMethod(searcher: Searcher): Method;
}
