import { AppError } from "@/contracts/errors";
import type {
  AttemptRef,
  ReportItem,
  WorkerRequest,
} from "@/contracts/worker-protocol/worker-protocol";
import type { Alarms } from "@/server/features/alarms/alarms";
import type { Database, Transaction } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { storeFailures } from "@/server/features/episodes/failures";
import { storeReanswered } from "@/server/features/episodes/reanswered";
import { storeEpisodes } from "@/server/features/episodes/store";
import type { Logs } from "@/server/features/logs/logs";
import type { Metrics } from "@/server/features/metrics/metrics";
import { lockRun, type LockedRun } from "./machine";
import { headlineMetric } from "./needs";
import { requireLease } from "./runs";

/** What a report says of its run itself, written at its end; null: nothing. JSON as text. */
interface RunColumns {
  headline: number | null;
  preflight: string | null;
  progress: string | null;
}

/** Takes what attempts report: fenced, in order, each report exactly once and as a whole. */
export class Reports {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
    private readonly alarms: Alarms,
    private readonly logs: Logs,
  ) {}

  /** @throws AppError "stale-attempt" without a lease, "out-of-order" where a report before it is missing */
  async take(
    workerId: string,
    { runId, attempt, sequence, items }: WorkerRequest<"report">,
  ): Promise<{ accepted: boolean }> {
    const ref = { runId, attempt };
    return this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, runId);
      const { sequence: taken } = await requireLease(tx.db, run, ref, workerId);
      if (sequence <= taken) return { accepted: true };
      if (sequence !== taken + 1)
        throw new AppError(
          "out-of-order",
          `Report ${sequence} came, but ${taken + 1} is next. Send the missing ones first.`,
        );
      const told: RunColumns = { headline: null, preflight: null, progress: null };
      for (const item of foldItems(items)) await this.takeItem(tx, workerId, run, ref, item, told);
      await tx.db.$executeRaw`
        WITH taken AS (UPDATE attempts SET sequence = ${sequence} WHERE run_id = ${runId}::uuid AND number = ${attempt})
        UPDATE runs SET headline = coalesce(${told.headline}, headline), preflight = coalesce(${told.preflight}::jsonb, preflight), progress = coalesce(${told.progress}::jsonb, progress)
        WHERE id = ${runId}::uuid AND ${Object.values(told).some((value) => value !== null)}::boolean`;
      return { accepted: true };
    });
  }

  private async takeItem(
    tx: Transaction,
    workerId: string,
    run: LockedRun,
    ref: AttemptRef,
    item: ReportItem,
    told: RunColumns,
  ): Promise<void> {
    const { runId } = ref;
    switch (item.kind) {
      case "metrics": {
        if (item.points.length === 0) return;
        await this.metrics.append(tx.db, ref, item.points);
        const headline = item.points.findLast((point) => point.name === headlineMetric(run.kind));
        if (headline) told.headline = headline.value;
        tx.emit({
          kind: "metrics",
          runId,
          payload: {
            names: [...new Set(item.points.map((point) => point.name))],
            step: Math.max(...item.points.map((point) => point.step)),
          },
        });
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
        await storeReanswered(tx.db, ref, item);
        tx.emit({
          kind: "episodes",
          runId,
          payload: { phase: "predict", step: null, count: item.records.length },
        });
        return;
      case "failures":
        await storeFailures(tx.db, ref, item);
        tx.emit({ kind: "episodes", runId, payload: { phase: "predict", step: null, count: 0 } });
        return;
      case "logs":
        await this.logs.append(tx.db, { workerId, run: ref }, item.lines);
        if (item.lines.length > 0)
          tx.emit({ kind: "logs", runId, payload: { count: item.lines.length } });
        return;
      case "preflight":
        told.preflight = toJson(item.items);
        tx.emit({ kind: "run", runId, payload: { state: run.state, attempt: run.attempt } });
        return;
      case "progress":
        told.progress = toJson(item.progress);
        tx.emit({ kind: "progress", runId, payload: item.progress });
        return;
    }
  }
}

/** Items with equal keys come to the same as one; a key that is the item itself is like no other. */
function foldKey(item: ReportItem): unknown {
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
    default:
      return item;
  }
}

/**
 * What comes to the same in fewer items: episodes of one corpus and set together, metrics together, and of the run's
 * progress and preflight the last, which is all that would stay of them.
 */
export function foldItems(items: readonly ReportItem[]): ReportItem[] {
  const folded = new Map<unknown, ReportItem>();
  for (const item of items) {
    const key = foldKey(item);
    const before = folded.get(key);
    if (before?.kind === "episodes" && item.kind === "episodes")
      folded.set(key, {
        ...before,
        documents: [...before.documents, ...item.documents],
        records: [...before.records, ...item.records],
      });
    else if (before?.kind === "reanswered" && item.kind === "reanswered")
      folded.set(key, { ...before, records: [...before.records, ...item.records] });
    else if (before?.kind === "metrics" && item.kind === "metrics")
      folded.set(key, { ...before, points: [...before.points, ...item.points] });
    else if (before?.kind === "logs" && item.kind === "logs")
      folded.set(key, { ...before, lines: [...before.lines, ...item.lines] });
    else folded.set(key, item);
  }
  return [...folded.values()];
}
