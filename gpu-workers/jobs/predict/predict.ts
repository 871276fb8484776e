import { getAblation } from "@/contracts/run-config/scoring";
import type { EpisodeRecord } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { ReansweredRecord, ReportItem } from "@/contracts/worker-protocol/reports";
import { Preflight } from "@/gpu-workers/jobs/context/preflight";
import type { Executor, RunContext } from "@/gpu-workers/jobs/context/run-context";
import { UsageSum } from "@/gpu-workers/llm/usage-sum";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { buildMetricPoints } from "@/gpu-workers/rl/metric-values";
import { chunk } from "@/lib/chunk";
import { markMessage } from "@/core/texts/mark-message";
import { BATCH, openPrediction, type Prediction } from "./open-prediction";
import { answerBatch, FailureStreak, runConcurrently, type BatchResult } from "./predict-batch";

/**
 * A predict run: one method over a question set. The question is the unit: results are stored as they come, an attempt
 * that goes on answers only the questions that are not stored yet, and one that cannot be answered is listed with its
 * reason, tried once more at the end, and missing, never wrong.
 */
export const predict: Executor = async (context) => {
  if (context.config.kind !== "predict")
    throw new AppError("internal", `A ${context.config.kind} run is not a predict run.`);
  const config = context.config;
  const preflight = new Preflight(context, config);
  try {
    const documents = new DocumentStore();
    const judgeUsage = new UsageSum("judge");
    const prediction = await openPrediction(context, config, { preflight, documents, judgeUsage });
    const [stored, accuracy] = await Promise.all([
      context.readAnsweredQuestions(),
      context.readStoredAccuracy(),
    ]);
    const remaining = prediction.questions.filter(({ id }) => !stored.has(id));
    await context.markRunning();
    const progress = { done: stored.size, ...accuracy };
    await new PredictRun(context, config, prediction, documents, judgeUsage, progress).run(
      remaining,
    );
  } finally {
    preflight.release();
  }
};

/** Questions that are stored, and of those with a score how many there are and their sum. */
interface StoredProgress {
  done: number;
  scored: number;
  sum: number;
}

/** The batches of one predict run: each answered, reported and counted. */
class PredictRun {
  private readonly streak: FailureStreak;
  /** Questions that could not be answered so far. */
  private readonly failed = new Map<string, Question>();

  constructor(
    private readonly context: RunContext,
    private readonly config: PredictConfig,
    private readonly prediction: Prediction,
    private readonly documents: DocumentStore,
    private readonly judgeUsage: UsageSum,
    private readonly progress: StoredProgress,
  ) {
    this.streak = new FailureStreak(config.failures.stopAfter);
  }

  /** Answers the questions, the failed ones once more. @throws AppError where some have no answer and none may miss */
  async run(questions: readonly Question[]): Promise<void> {
    const { context, prediction } = this;
    const { concurrency } = prediction;
    const answer = this.answerBatch.bind(this);
    await runConcurrently(chunk(questions, BATCH), concurrency, answer, context.signal);
    const again = chunk([...this.failed.values()], 1);
    await runConcurrently(again, concurrency, answer, context.signal);
    await this.reportProgress(this.config.method);
    const reused = prediction.countReused();
    if (reused > 0)
      context.log(
        "info",
        `${reused} episodes were taken over from runs that made them under the same cache keys (reuse.equalEpisodes).`,
      );
    if (this.failed.size === 0) return;
    const missing = markMessage`${this.failed.size} of ${prediction.questions.length} questions have no answer; they are listed with their reasons, and accuracy counts the others only.`;
    if (!this.config.failures.allowMissing)
      throw new AppError("generator-unavailable", `${missing} Resume the run to try those alone.`);
    context.log("warn", missing);
  }

  private async answerBatch(batch: readonly Question[], signal: AbortSignal): Promise<void> {
    const { config, failed } = this;
    await this.reportProgress(
      failed.size > 0 ? `${config.method}, ${markMessage`${failed.size} failed`}` : config.method,
    );
    const endBatch = this.documents.openBatch();
    let result: BatchResult;
    let report: ReportItem;
    try {
      result = await answerBatch(batch, this.prediction.answer, signal);
      report = this.buildReport(result.records);
    } finally {
      endBatch();
    }
    if (result.records.length > 0) await this.context.report(report);
    for (const { episode } of result.records) failed.delete(episode.questionId);
    if (result.failures.length > 0) await this.reportFailures(batch, result);
    await this.reportMetrics(result.records);
    this.streak.record(batch, result.failures);
  }

  private buildReport(records: EpisodeRecord[]): ReportItem {
    const { corpus, questions, reuse } = this.config;
    // Shared steps come with the context of the run that searched, an ablation has one of its own.
    if (reuse.episodesOf !== null && getAblation(reuse) === null)
      return { kind: "reanswered", questions, records: records.map(toReansweredRecord) };
    const documents = this.documents.takeUnsent(records);
    return { kind: "episodes", corpus, questions, documents, records };
  }

  private async reportFailures(
    batch: readonly Question[],
    { failures }: BatchResult,
  ): Promise<void> {
    await this.context.report({ kind: "failures", questions: this.config.questions, failures });
    const ids = new Set(failures.map(({ questionId }) => questionId));
    for (const question of batch) if (ids.has(question.id)) this.failed.set(question.id, question);
    this.context.log(
      "warn",
      `${failures.length} of ${batch.length} questions could not be answered, e.g. ${failures[0]!.questionId}: ${failures[0]!.reason}`,
    );
  }

  private async reportMetrics(records: readonly EpisodeRecord[]): Promise<void> {
    const { progress } = this;
    progress.done += records.length;
    for (const { score } of records) {
      if (!score) continue;
      progress.scored += 1;
      progress.sum += score.value;
    }
    if (progress.done === 0) return;
    const values = {
      ...(progress.scored > 0 && { "predict/accuracy": progress.sum / progress.scored }),
      "progress/answered": progress.done,
      ...this.judgeUsage.toMetrics(),
    };
    await this.context.report({
      kind: "metrics",
      points: buildMetricPoints(values, progress.done),
    });
  }

  private reportProgress(detail: string): Promise<void> {
    const { done } = this.progress;
    const total = this.prediction.questions.length;
    return this.context.reportProgress({ phase: "predicting", done, total, detail });
  }
}

/** What is new where the episode is another run's. */
const toReansweredRecord = ({
  episode,
  answer,
  score,
  otherScores,
  attribution,
}: EpisodeRecord): ReansweredRecord => ({
  questionId: episode.questionId,
  answer,
  score,
  otherScores,
  attribution,
});
