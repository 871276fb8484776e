import type { EpisodeRecord } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/worker-protocol";
import type { Method } from "@/gpu-workers/searcher/method";
import { recordOf, type Assessor, type Baseline } from "@/gpu-workers/searcher/episode-grader";
import { shuffledBy } from "@/gpu-workers/runtime/keys";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";

/** Questions per batch: enough to fill the engine, few enough that progress is seen. */
export const EVALUATION_BATCH = 24;

/**
 * The held-out questions that every evaluation asks: the first `count` in an order that no seed changes, so that runs
 * are compared on the same questions.
 */
export const heldOutSample = (questions: readonly Question[], count: number): Question[] =>
  shuffledBy(questions, "held-out").slice(0, count);

export interface EvaluationParts {
  method: Method;
  assessor: Assessor;
  baseline: Baseline;
  signal: AbortSignal;
}

/** One episode per question beside naive RAG; `onBatch` gets the records as they come. */
export async function evaluate(
  parts: EvaluationParts,
  questions: readonly Question[],
  step: number,
  onBatch: (records: EpisodeRecord[], done: number) => Promise<void>,
): Promise<EpisodeRecord[]> {
  const { method, assessor, baseline, signal } = parts;
  const all: EpisodeRecord[] = [];
  for (let start = 0; start < questions.length; start += EVALUATION_BATCH) {
    const batch = questions.slice(start, start + EVALUATION_BATCH);
    const episodes = await method.run(batch, signal);
    const outcomes = await assessor.assess(episodes, batch, signal);
    const baselines = await baseline.of(batch, new Stopwatch(), signal);
    const records = batch.map((question, i) =>
      recordOf({
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
