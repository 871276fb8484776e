import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import { computeMeanInterval } from "@/core/statistics/student";
import { sweepSpecSchema, type SweepSpec } from "@/contracts/run-config/sweep";
import type { MetricPointRow } from "@/contracts/api/metrics";
import type {
  getSweepRequestSchema,
  SweepDetail,
  listSweepsRequestSchema,
  listSweepsResponseSchema,
  SweepRow,
  sweepSeriesRequestSchema,
  SweepSeries,
} from "@/contracts/api/sweeps";
import type { Database } from "@/server/platform/db/database";
import type { Metrics } from "@/server/features/metrics/metrics";
import { isLowerBetter, listSweepMetrics } from "@/core/metrics/metrics";
import { countRunsByState } from "@/server/features/runs/reader-queries";
import { cutPage, formatCursor, parseCursor } from "@/server/platform/db/paging";
import { computeBand } from "./curves";
import {
  selectMembers,
  selectSweep,
  selectSweepPage,
  type StoredSweep,
  type SweepMember,
} from "./queries";

/** Points a run's series is read with; where it has more, they are joined and the extremes stay. */
const POINTS = 2000;

type Results = SweepDetail["members"][number]["results"];

/** Everything the pages show of sweeps. */
export class SweepReader {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
  ) {}

  async list({
    cursor,
    limit,
  }: z.output<typeof listSweepsRequestSchema>): Promise<z.infer<typeof listSweepsResponseSchema>> {
    const { db } = this.database;
    const found = await selectSweepPage(db, limit + 1, cursor ? parseCursor(cursor) : null);
    const { rows, nextCursor } = cutPage(found, limit, ({ createdAt, id }) =>
      formatCursor(createdAt.toISOString(), id),
    );
    const counts = await countRunsByState(
      db,
      rows.map((sweep) => sweep.id),
    );
    return {
      rows: rows.map((sweep) =>
        toSweepRow(sweep, sweepSpecSchema.parse(sweep.spec), counts.get(sweep.id) ?? {}),
      ),
      nextCursor,
    };
  }

  async get({
    id,
    metrics: requested,
  }: z.output<typeof getSweepRequestSchema>): Promise<SweepDetail> {
    const sweep = await this.find(id);
    const spec = sweepSpecSchema.parse(sweep.spec);
    const metrics =
      requested.length > 0 ? [...new Set(requested)] : listSweepMetrics(spec.base.kind);
    const members = await selectMembers(this.database.db, id);
    const ids = members.map((member) => member.id);
    const [series, names] = await Promise.all([
      this.metrics.readSeriesOfRuns(ids, metrics, POINTS),
      this.database.db.metricSeries.groupBy({
        by: ["name"],
        where: { runId: { in: ids } },
        orderBy: { name: "asc" },
      }),
    ]);
    const withResults = members.map((member) => ({
      ...member,
      results: metrics.map((metric) =>
        computeResult(metric, series.get(member.id)?.[metric] ?? []),
      ),
    }));
    return {
      ...toSweepRow(sweep, spec, countStates(members)),
      createdBy: sweep.createdBy,
      spec,
      metrics,
      available: names.map(({ name }) => name),
      members: withResults,
      groups: [...groupByRow(withResults)].map(([row, group]) =>
        computeGroup(row, group, metrics.length),
      ),
    };
  }

  /** Curves of one metric: for each combination the mean over its runs, step by step, with its band. */
  async readSeries({
    id,
    metric,
    maxPoints,
  }: z.output<typeof sweepSeriesRequestSchema>): Promise<SweepSeries> {
    await this.find(id);
    const members = await selectMembers(this.database.db, id);
    const series = await this.metrics.readSeriesOfRuns(
      members.map((member) => member.id),
      [metric],
      POINTS,
    );
    const groups = [...groupByRow(members)]
      .map(([row, group]) => ({
        row,
        curves: group
          .map((member) => series.get(member.id)?.[metric] ?? [])
          .filter((points) => points.length > 0),
      }))
      .filter((group) => group.curves.length > 0);
    const each = Math.max(2, Math.floor(maxPoints / Math.max(1, groups.length)));
    return {
      metric,
      curves: groups.map(({ row, curves }) => ({ row, points: computeBand(curves, each) })),
    };
  }

  private async find(id: string): Promise<StoredSweep> {
    const sweep = await selectSweep(this.database.db, id);
    if (!sweep) throw new AppError("not-found", `There is no sweep ${id}.`);
    return sweep;
  }
}

function toSweepRow(sweep: StoredSweep, spec: SweepSpec, counts: SweepRow["counts"]): SweepRow {
  const { id, name, createdAt, preset, paths } = sweep;
  return {
    id,
    name,
    createdAt,
    preset,
    kind: spec.base.kind,
    paths,
    seeds: spec.seeds,
    runs: Object.values(counts).reduce((sum, n) => sum + n, 0),
    counts,
  };
}

function countStates(members: readonly SweepMember[]): SweepRow["counts"] {
  const counts: SweepRow["counts"] = {};
  for (const { state } of members) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function groupByRow<T extends { row: number }>(members: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const member of members) groups.set(member.row, [...(groups.get(member.row) ?? []), member]);
  return groups;
}

/** Last and best value of a series; the best is exact, its step is the end of its bucket. */
function computeResult(metric: string, points: readonly MetricPointRow[]): Results[number] {
  const last = points[points.length - 1];
  if (!last) return null;
  const best = points.reduce((found, point) =>
    (isLowerBetter(metric) ? point.min < found.min : point.max > found.max) ? point : found,
  );
  return {
    last: last.value,
    lastStep: last.step,
    best: isLowerBetter(metric) ? best.min : best.max,
    bestStep: best.step,
  };
}

/** Only runs that have succeeded count: the last value of a run that still trains is not its result. */
function computeGroup(
  row: number,
  members: readonly (SweepMember & { results: Results })[],
  metrics: number,
): SweepDetail["groups"][number] {
  const done = members.filter((member) => member.state === "succeeded");
  const seconds = done.flatMap(({ startedAt, endedAt }) =>
    startedAt && endedAt ? [(endedAt.getTime() - startedAt.getTime()) / 1000] : [],
  );
  return {
    row,
    varied: members[0]?.varied ?? {},
    runs: members.length,
    succeeded: done.length,
    seconds: seconds.length > 0 ? computeMeanInterval(seconds).mean : null,
    results: Array.from({ length: metrics }, (_, i) => {
      const results = done.flatMap((member) => member.results[i] ?? []);
      return results.length > 0
        ? {
            last: computeMeanInterval(results.map((result) => result.last)),
            best: computeMeanInterval(results.map((result) => result.best)),
          }
        : null;
    }),
  };
}
