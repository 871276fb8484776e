import { AppError } from "@/contracts/errors";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import type { MetricPoint } from "@/contracts/records/metric-point";
import type { Progress, ReportItem } from "@/contracts/worker-protocol/reports";
import { runKindSchema, type RunKind } from "@/contracts/records/run-state";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { Alarms } from "@/server/features/alarms/alarms";
import type { Database, NewEvent, Transaction } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import {
  storeEpisodes,
  storeQuestionFailures,
  storeReusedEpisodes,
} from "@/server/features/episodes/store-episodes";
import type { Logs } from "@/server/features/logs/logs";
import { toReportedSeries, type Metrics } from "@/server/features/metrics/metrics";
import type { MetricName } from "@/core/metrics/metric-table";
import { getHeadlineMetric } from "@/core/metrics/metrics";
import { groupBy } from "@/lib/group-by";
import { ingestMetrics, recordReport, type LockedRun, type ReportedColumns } from "./queries";
import { buildStaleError, requireLease } from "./runs";
import { buildMissingError, lockRun } from "./state-machine";

/** Stores what attempts report: fenced, in order, each report exactly once and as a whole. */
export class ReportIngestion {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly alarms: Alarms,
    private readonly logs: Logs,
  ) {}

  /** @throws AppError "stale-attempt" without a lease, "out-of-order" where a report before it is missing */
  async ingest(
    workerId: string,
    { runId, attempt, sequence, items }: WorkerRequest<"report">,
  ): Promise<{ accepted: boolean }> {
    const ref = { runId, attempt };
    const merged = mergeItems(items);
    const metrics = findMetricsAlone(merged);
    if (metrics) return this.ingestMetrics(workerId, ref, sequence, metrics);
    return this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, runId);
      const { sequence: stored } = await requireLease(tx.db, run, ref, workerId);
      if (sequence <= stored) return { accepted: true };
      if (sequence !== stored + 1) throw buildOrderError(sequence, stored);
      const columns: ReportedColumns = { headline: null, preflight: null, progress: null };
      for (const item of merged) await this.ingestItem(tx, workerId, run, ref, item, columns);
      await recordReport(tx.db, ref, sequence, columns);
      return { accepted: true };
    });
  }

  /** The most frequent reports: one statement, and one wait for the disk. */
  private async ingestMetrics(
    workerId: string,
    ref: AttemptRef,
    sequence: number,
    { points, progress }: MetricsAlone,
  ): Promise<{ accepted: boolean }> {
    const { runId } = ref;
    const events = [buildMetricsEvent(runId, points)];
    if (progress) events.push(buildProgressEvent(runId, progress));
    const { outcome, state, attempt, stored } = await ingestMetrics(this.database, {
      ref,
      workerId,
      sequence,
      headlines: findHeadlines(points),
      progress: progress && toJson(progress),
      events,
      series: toReportedSeries(points),
    });
    switch (outcome) {
      case "stored":
      case "repeated":
        return { accepted: true };
      case "out-of-order":
        throw buildOrderError(sequence, stored!);
      case "stale":
        throw buildStaleError(ref, { state: state!, attempt: attempt! });
      case "missing":
        throw buildMissingError(runId);
    }
  }

  private async ingestItem(
    tx: Transaction,
    workerId: string,
    run: LockedRun,
    ref: AttemptRef,
    item: ReportItem,
    columns: ReportedColumns,
  ): Promise<void> {
    const { runId } = ref;
    switch (item.kind) {
      case "metrics": {
        if (item.points.length === 0) return;
        await this.metrics.append(tx.db, ref, item.points);
        const headline = item.points.findLast(
          (point) => point.name === getHeadlineMetric(run.kind),
        );
        if (headline) columns.headline = headline.value;
        tx.emit(buildMetricsEvent(runId, item.points));
        return;
      }
      case "alarms":
        await this.alarms.append(tx.db, ref, item.changes);
        tx.emit({
          kind: "alarms",
          runId,
          payload: { names: item.changes.map(({ name }) => name) },
        });
        return;
      case "episodes": {
        const [first] = item.records;
        if (!first) return;
        await storeEpisodes(tx.db, ref, item);
        tx.emit({
          kind: "episodes",
          runId,
          payload: { phase: first.phase, step: first.step, count: item.records.length },
        });
        return;
      }
      case "reanswered":
        if (item.records.length === 0) return;
        await storeReusedEpisodes(tx.db, ref, item);
        tx.emit({
          kind: "episodes",
          runId,
          payload: { phase: "predict", step: null, count: item.records.length },
        });
        return;
      case "failures":
        await storeQuestionFailures(tx.db, ref, item);
        tx.emit({ kind: "episodes", runId, payload: { phase: "predict", step: null, count: 0 } });
        return;
      case "logs":
        await this.logs.append(tx.db, { workerId, run: ref }, item.lines);
        if (item.lines.length > 0)
          tx.emit({ kind: "logs", runId, payload: { count: item.lines.length } });
        return;
      case "preflight":
        columns.preflight = toJson(item.items);
        tx.emit({ kind: "run", runId, payload: { state: run.state, attempt: run.attempt } });
        return;
      case "progress":
        columns.progress = toJson(item.progress);
        tx.emit(buildProgressEvent(runId, item.progress));
        return;
    }
  }
}

const buildOrderError = (sequence: number, stored: number): AppError =>
  new AppError(
    "out-of-order",
    `Report ${sequence} came, but ${stored + 1} is next. Send the missing ones first.`,
  );

/** The event that tells of new points of a run. */
export const buildMetricsEvent = (runId: string, points: readonly MetricPoint[]): NewEvent => ({
  kind: "metrics",
  runId,
  payload: {
    names: [...new Set(points.map(({ name }) => name))],
    step: points.reduce((last, { step }) => Math.max(last, step), 0),
  },
});

const buildProgressEvent = (runId: string, progress: Progress): NewEvent => ({
  kind: "progress",
  runId,
  payload: progress,
});

/** The kinds of runs of each headline metric, of which there may be several. Made once: every report asks. */
const KINDS_OF_HEADLINE = groupBy(runKindSchema.options, getHeadlineMetric);

/** The last value of each kind's headline metric. */
function findHeadlines(points: readonly MetricPoint[]): Partial<Record<RunKind, number>> {
  const found: Partial<Record<RunKind, number>> = {};
  for (const { name, value } of points)
    for (const kind of KINDS_OF_HEADLINE.get(name as MetricName) ?? []) found[kind] = value;
  return found;
}

/** Points, and how far the run is. */
interface MetricsAlone {
  points: readonly MetricPoint[];
  progress: Progress | null;
}

/** What a report holds that has points and nothing beside them but how far the run is; null: it holds something else. */
function findMetricsAlone(merged: readonly ReportItem[]): MetricsAlone | null {
  let points: readonly MetricPoint[] = [];
  let progress: Progress | null = null;
  for (const item of merged) {
    if (item.kind === "metrics") points = item.points;
    else if (item.kind === "progress") progress = item.progress;
    else return null;
  }
  return points.length > 0 ? { points, progress } : null;
}

/** Items with equal keys can be stored as one; a key that is the item itself equals no other. */
function getMergeKey(item: ReportItem): unknown {
  switch (item.kind) {
    case "episodes":
      return JSON.stringify([
        item.corpus,
        item.questions,
        item.records[0]?.phase,
        item.records[0]?.step,
      ]);
    case "reanswered":
      return JSON.stringify([item.kind, item.questions]);
    case "metrics":
    case "logs":
    case "preflight":
    case "progress":
      return item.kind;
    case "alarms":
    case "failures":
      return item;
  }
}

/**
 * Merges the items of a report into fewer, which need fewer statements: episodes of one corpus and question set
 * together, metrics together, and of the run's progress and preflight only the last.
 */
export const mergeItems = (items: readonly ReportItem[]): ReportItem[] =>
  [...groupBy(items, getMergeKey).values()].map(joinItems);

/** One item for several of one merge key, in their order. */
function joinItems(items: readonly ReportItem[]): ReportItem {
  const last = items.at(-1)!;
  if (items.length === 1) return last;
  const select = <K extends ReportItem["kind"]>(kind: K) =>
    items.filter((item): item is Extract<ReportItem, { kind: K }> => item.kind === kind);
  switch (last.kind) {
    case "episodes": {
      const all = select("episodes");
      return {
        ...all[0]!,
        documents: all.flatMap(({ documents }) => documents),
        records: all.flatMap(({ records }) => records),
      };
    }
    case "reanswered": {
      const all = select("reanswered");
      return { ...all[0]!, records: all.flatMap(({ records }) => records) };
    }
    case "metrics":
      return { ...last, points: select("metrics").flatMap(({ points }) => points) };
    case "logs":
      return { ...last, lines: select("logs").flatMap(({ lines }) => lines) };
    case "alarms":
    case "failures":
    case "preflight":
    case "progress":
      return last;
  }
}
