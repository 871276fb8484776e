import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import { groupBy } from "@/lib/group-by";
import { computeMeanInterval, limitInterval } from "@/core/statistics/student";
import { sweepSpecSchema, type SweepSpec } from "@/contracts/run-config/sweep";
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
import { SharedAnswers } from "@/server/features/metrics/shared-answers";
import { getMetricRange, listSweepMetrics } from "@/core/metrics/metrics";
import { computeBand } from "@/core/statistics/mean-curve";
import { countRunsByState } from "@/server/features/runs/reader-queries";
import { cutPage, formatCursor, parseCursor } from "@/server/platform/db/paging";
import {
  selectMembers,
  selectSweep,
  selectSweepPage,
  type StoredSweep,
  type SweepMember,
} from "./queries";

/** Points a run's series is read with; where it has more, they are joined and the extremes stay. */
const POINTS = 500;
/** Points of each curve, however many there are, so that what else is shown changes none of them. */
const CURVE_POINTS = 250;

/** Curves are kept as long as their runs report nothing new: of runs that have ended they never change. */
const CURVES_KEPT_MS = 10 * 60_000;
const MOST_CURVES = 6;

type Results = SweepDetail["members"][number]["results"];

/** Everything the pages show of sweeps. */
export class SweepReader {
  private readonly curves = new SharedAnswers<SweepSeries>(CURVES_KEPT_MS, MOST_CURVES);

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
      { deleted: false },
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
    const [results, names] = await Promise.all([
      this.metrics.readResults(ids, metrics),
      this.database.db.metricSeries.groupBy({
        by: ["name"],
        where: { runId: { in: ids } },
        orderBy: { name: "asc" },
      }),
    ]);
    const withResults = members.map((member) => ({
      ...member,
      results: metrics.map((metric) => results.get(member.id)?.get(metric) ?? null),
    }));
    return {
      ...toSweepRow(sweep, spec, countStates(members)),
      createdBy: sweep.createdBy,
      spec,
      metrics,
      available: names.map(({ name }) => name),
      members: withResults,
      groups: [...groupBy(withResults, ({ row }) => row)].map(([row, group]) =>
        computeGroup(row, group, metrics),
      ),
    };
  }

  /** Curves of one metric: for each combination the mean over its runs, step by step, with its band. */
  async readSeries({
    id,
    metric,
  }: z.output<typeof sweepSeriesRequestSchema>): Promise<SweepSeries> {
    await this.find(id);
    const members = await selectMembers(this.database.db, id);
    const state = await this.metrics.describeState(members.map((member) => member.id));
    const rows = members.map((member) => `${member.id} ${member.row}`);
    return this.curves.get(JSON.stringify([id, metric, rows, state]), () =>
      this.computeCurves(members, metric),
    );
  }

  private async computeCurves(
    members: readonly SweepMember[],
    metric: string,
  ): Promise<SweepSeries> {
    const series = await this.metrics.readSeriesOfRuns(
      members.map((member) => member.id),
      [metric],
      POINTS,
    );
    const groups = [...groupBy(members, ({ row }) => row)]
      .map(([row, group]) => ({
        row,
        curves: group
          .map((member) => series.get(member.id)?.[metric] ?? [])
          .filter((points) => points.length > 0),
      }))
      .filter((group) => group.curves.length > 0);
    return {
      metric,
      curves: groups.map(({ row, curves }) => ({
        row,
        points: computeBand(curves, CURVE_POINTS, getMetricRange(metric)),
      })),
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

/** Only runs that have succeeded count: the last value of a run that still trains is not its result. */
function computeGroup(
  row: number,
  members: readonly (SweepMember & { results: Results })[],
  metrics: readonly string[],
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
    results: metrics.map((metric, i) => {
      const results = done.flatMap((member) => member.results[i] ?? []);
      if (results.length === 0) return null;
      const average = (values: readonly number[]) =>
        limitInterval(computeMeanInterval(values), getMetricRange(metric));
      return {
        last: average(results.map((result) => result.last)),
        best: average(results.map((result) => result.best)),
      };
    }),
  };
}
