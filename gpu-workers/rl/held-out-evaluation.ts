import type { EpisodeRecord } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/worker-protocol";
import type { Method } from "@/gpu-workers/searcher/method";
import { buildEpisodeRecord } from "@/gpu-workers/searcher/episode-record";
import type { EpisodeGrader } from "@/gpu-workers/searcher/episode-grader";
import type { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import { shuffledBy } from "@/gpu-workers/runtime/keys";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";

/** Questions per batch: enough to fill the engine, few enough that progress is seen. */
export const EVALUATION_BATCH = 24;

/**
 * The held-out questions that every evaluation asks: the first `count` in an order that no seed changes, so that runs
 * are compared on the same questions.
 */
export const pickHeldOutQuestions = (questions: readonly Question[], count: number): Question[] =>
  shuffledBy(questions, "held-out").slice(0, count);

export interface EvaluationDependencies {
  method: Method;
  grader: EpisodeGrader;
  baseline: RagBaseline;
  signal: AbortSignal;
}

/** One episode per question beside naive RAG; `onBatch` gets the records as they come. */
export async function evaluateHeldOut(
  parts: EvaluationDependencies,
  questions: readonly Question[],
  step: number,
  onBatch: (records: EpisodeRecord[], done: number) => Promise<void>,
): Promise<EpisodeRecord[]> {
  const { method, grader: assessor, baseline, signal } = parts;
  const all: EpisodeRecord[] = [];
  for (let start = 0; start < questions.length; start += EVALUATION_BATCH) {
    const batch = questions.slice(start, start + EVALUATION_BATCH);
    const episodes = await method.run(batch, signal);
    const outcomes = await assessor.grade(episodes, batch, signal);
    const baselines = await baseline.getOutcomes(batch, new Stopwatch(), signal);
    const records = batch.map((question, i) =>
      buildEpisodeRecord({
        phase: "held-out",
        step,
        question,
        episode: episodes[i]!,
        outcome: outcomes[i]!,
        baseline: baselines[i]!,
        reward: null,
        advantage: null,
      }),
    );
    all.push(...records);
    await onBatch(records, all.length);
  }
  return all;
}
