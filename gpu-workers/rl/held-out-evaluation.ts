import type { EpisodeRecord } from "@/contracts/records/episode";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Searcher } from "@/gpu-workers/searcher/episode-inputs";
import type { Method } from "@/gpu-workers/searcher/method";
import { buildEpisodeRecord } from "@/gpu-workers/searcher/episode-record";
import type { EpisodeGrader } from "@/gpu-workers/searcher/episode-grader";
import type { RagBaseline } from "@/gpu-workers/searcher/rag-baseline";
import { shuffleBySalt } from "@/gpu-workers/runtime/keys";
import { Stopwatch, type StepPhase } from "@/gpu-workers/runtime/stopwatch";
import { chunk } from "@/lib/chunk";
import { answerAndGrade } from "./play-and-grade";

/** Questions per batch: enough to fill the engine, few enough to show progress often. */
const EVALUATION_BATCH = 24;

/**
 * Picks the held-out questions of every evaluation: the first `count` in an order that does not depend on the run's
 * seed, so that runs are compared on the same questions.
 */
export const pickHeldOutQuestions = (questions: readonly Question[], count: number): Question[] =>
  shuffleBySalt(questions, "held-out").slice(0, count);

/** What an evaluation runs and grades episodes with. */
export interface EvaluationDependencies {
  method: Method;
  /** What the method samples with. */
  searcher: Pick<Searcher, "batchesItself">;
  grader: EpisodeGrader;
  /** Null where the method has no frozen generator. */
  baseline: RagBaseline | null;
  signal: AbortSignal;
}

/**
 * Runs one episode per held-out question and grades it, together with naive RAG's answer where it is asked.
 * @param onBatch is given the records of each batch, and how many questions are done
 */
export async function evaluateHeldOut(
  dependencies: EvaluationDependencies,
  questions: readonly Question[],
  step: number,
  onBatch: (records: EpisodeRecord[], done: number) => Promise<void>,
): Promise<EpisodeRecord[]> {
  const { method, searcher, grader, baseline, signal } = dependencies;
  const all: EpisodeRecord[] = [];
  for (const batch of chunk(questions, EVALUATION_BATCH)) {
    const grading = { grader, stopwatch: new Stopwatch<StepPhase>() };
    const graded = await answerAndGrade(grading, searcher, method, batch, signal);
    const baselines = (await baseline?.getOutcomes(batch, new Stopwatch(), signal)) ?? null;
    const records = batch.map((question, i) =>
      buildEpisodeRecord({
        phase: "held-out",
        step,
        question,
        ...graded[i]!,
        baseline: baselines?.[i] ?? null,
        reward: null,
        advantage: null,
      }),
    );
    all.push(...records);
    await onBatch(records, all.length);
  }
  return all;
}
