import type { Episode } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { EpisodeGrader, Outcome } from "@/gpu-workers/searcher/episode-grader";
import type { Searcher } from "@/gpu-workers/searcher/episode-inputs";
import type { Method } from "@/gpu-workers/searcher/method";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";
import { runAllOrNone } from "@/lib/all-or-none";
import { gatherCalls } from "@/lib/gather-calls";

/** Batches of answers that are asked for at once: one is on its way while the next comes together. */
const GRADING_BATCHES = 2;

/** An episode with what its answer scored. */
export interface GradedEpisode {
  episode: Episode;
  outcome: Outcome;
}

/** What episodes are graded with. */
export interface GradingDependencies {
  grader: EpisodeGrader;
  stopwatch: Stopwatch<StepPhase>;
}

/** A method's episodes of these questions, as `playAndGrade` plays them. */
export const answerAndGrade = (
  dependencies: GradingDependencies,
  searcher: Pick<Searcher, "batchesItself">,
  method: Method,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<GradedEpisode[]> =>
  playAndGrade(
    dependencies,
    searcher,
    questions.map((question) => ({ question })),
    (items, own) =>
      method.run(
        items.map(({ question }) => question),
        own,
      ),
    signal,
  );

/**
 * Plays episodes, has them answered, and scores them. A searcher that batches by itself (vLLM) plays each at its own pace:
 * one is searched for, or answered, while others are still being written. With the engine all are played in lock-step,
 * because it computes a batch several times faster than its parts, and the same batches give the same numbers.
 *
 * @param play plays one episode per item, in order
 * @returns in the order of the items
 * @throws AppError where a service stays unavailable; the other episodes are cancelled then
 */
export async function playAndGrade<T extends { question: Question }>(
  { grader, stopwatch }: GradingDependencies,
  { batchesItself }: Pick<Searcher, "batchesItself">,
  items: readonly T[],
  play: (items: readonly T[], signal: AbortSignal) => Promise<Episode[]>,
  signal: AbortSignal,
): Promise<GradedEpisode[]> {
  const grade = async (
    played: readonly { episode: Episode; question: Question }[],
    own: AbortSignal,
  ): Promise<GradedEpisode[]> => {
    const episodes = played.map(({ episode }) => episode);
    const questions = played.map(({ question }) => question);
    const outcomes = await stopwatch.time("generator", () =>
      grader.grade(episodes, questions, own),
    );
    return episodes.map((episode, i) => ({ episode, outcome: outcomes[i]! }));
  };
  if (!batchesItself) {
    const episodes = await play(items, signal);
    return grade(
      episodes.map((episode, i) => ({ episode, question: items[i]!.question })),
      signal,
    );
  }
  return runAllOrNone(signal, (own) => {
    const gradeOne = gatherCalls(
      (played: readonly { episode: Episode; question: Question }[]) => grade(played, own),
      GRADING_BATCHES,
    );
    return items.map(async (item) => {
      const [episode] = await play([item], own);
      return gradeOne({ episode: episode!, question: item.question });
    });
  });
}
