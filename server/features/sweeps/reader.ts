import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { RunKind, RunState } from "@/contracts/records/run-state";
import { meanInterval } from "@/core/statistics/student";
import { lowerIsBetter, type Varied } from "@/core/sweep/expand-sweep";
import { sweepSpecSchema, type SweepSpec } from "@/contracts/run-config/sweep";
import type { Progress } from "@/contracts/worker-protocol/worker-protocol";
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
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import type { Metrics } from "@/server/features/metrics/metrics";
import { headlineMetric } from "@/server/features/runs/needs";
import { bandOf } from "./curves";

const { sql } = Prisma;
/** A run's series is read so finely; every extreme survives the buckets beyond. */
const POINTS = 2000;

interface StoredSweep {
  id: string;
  name: string;
  createdAt: Date;
  createdBy: string;
  preset: string | null;
  spec: unknown;
  paths: string[];
}

interface Member {
  id: string;
  name: string;
  row: number;
  seed: number | null;
  state: RunState;
  varied: Varied;
  progress: Progress | null;
  startedAt: Date | null;
  endedAt: Date | null;
  error: string | null;
}

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
    const after = cursor ? readCursor(cursor) : null;
    const stored = await this.select(
      sql`${after ? sql`AND (created_at, id) < (${after.at}::timestamptz, ${after.id}::uuid)` : Prisma.empty} ORDER BY created_at DESC, id DESC LIMIT ${limit + 1}`,
    );
    const kept = stored.slice(0, limit);
    const counts = await this.counts(kept.map((sweep) => sweep.id));
    const last = kept[kept.length - 1];
    return {
      rows: kept.map((sweep) =>
        rowOf(sweep, sweepSpecSchema.parse(sweep.spec), counts.get(sweep.id) ?? {}),
      ),
      nextCursor:
        stored.length > kept.length && last
          ? JSON.stringify([last.createdAt.toISOString(), last.id])
          : null,
    };
  }

  async get({ id, metrics: asked }: z.output<typeof getSweepRequestSchema>): Promise<SweepDetail> {
    const sweep = await this.find(id);
    const spec = sweepSpecSchema.parse(sweep.spec);
    const metrics = asked.length > 0 ? [...new Set(asked)] : standing(spec.base.kind);
    const members = await this.members(id);
    const ids = members.map((member) => member.id);
    const [series, names] = await Promise.all([
      this.metrics.seriesOf(ids, metrics, POINTS),
      this.database.db.$queryRaw<
        { name: string }[]
      >`SELECT DISTINCT name FROM metric_series WHERE run_id = ANY(${ids}::uuid[]) ORDER BY name`,
    ]);
    const withResults = members.map((member) => ({
      ...member,
      results: metrics.map((metric) => resultOf(metric, series.get(member.id)?.[metric] ?? [])),
    }));
    return {
      ...rowOf(sweep, spec, countsOf(members)),
      createdBy: sweep.createdBy,
      spec,
      metrics,
      available: names.map(({ name }) => name),
      members: withResults,
      groups: [...byRow(withResults)].map(([row, group]) => groupOf(row, group, metrics.length)),
    };
  }

  /** Curves of one metric: for each combination the mean over its runs, step by step, with its band. */
  async series({
    id,
    metric,
    maxPoints,
  }: z.output<typeof sweepSeriesRequestSchema>): Promise<SweepSeries> {
    await this.find(id);
    const members = await this.members(id);
    const series = await this.metrics.seriesOf(
      members.map((member) => member.id),
      [metric],
      POINTS,
    );
    const groups = [...byRow(members)]
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
      curves: groups.map(({ row, curves }) => ({ row, points: bandOf(curves, each) })),
    };
  }

  private async find(id: string): Promise<StoredSweep> {
    const [sweep] = await this.select(sql`AND id = ${id}::uuid`);
    if (!sweep) throw new AppError("not-found", `There is no sweep ${id}.`);
    return sweep;
  }

  private select(rest: Prisma.Sql): Promise<StoredSweep[]> {
    return this.database.db.$queryRaw<StoredSweep[]>`
      SELECT id, name, created_at AS "createdAt", created_by AS "createdBy", preset, spec, paths FROM sweeps WHERE project_id = ${DEFAULT_PROJECT}::uuid ${rest}`;
  }

  private members(id: string): Promise<Member[]> {
    return this.database.db.$queryRaw<Member[]>`
      SELECT id, name, sweep_row AS row, (config ->> 'seed')::int AS seed, state, varied, progress, started_at AS "startedAt", ended_at AS "endedAt", error
      FROM runs WHERE sweep_id = ${id}::uuid ORDER BY sweep_row, created_at, id`;
  }

  /** Runs per state of each of these sweeps. */
  async counts(ids: readonly string[]): Promise<Map<string, SweepRow["counts"]>> {
    const rows = await this.database.db.$queryRaw<{ id: string; state: RunState; n: number }[]>`
      SELECT sweep_id AS id, state, count(*)::int AS n FROM runs WHERE sweep_id = ANY(${ids}::uuid[]) GROUP BY sweep_id, state`;
    const counts = new Map<string, SweepRow["counts"]>();
    for (const { id, state, n } of rows) counts.set(id, { ...counts.get(id), [state]: n });
    return counts;
  }
}

/** Metrics that stand for a kind of run. */
const standing = (kind: RunKind): string[] =>
  kind === "train"
    ? ["held-out/accuracy", "reward/mean"]
    : kind === "index"
      ? []
      : [headlineMetric(kind)];

function rowOf(sweep: StoredSweep, spec: SweepSpec, counts: SweepRow["counts"]): SweepRow {
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

function countsOf(members: readonly Member[]): SweepRow["counts"] {
  const counts: SweepRow["counts"] = {};
  for (const { state } of members) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function byRow<T extends { row: number }>(members: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const member of members) groups.set(member.row, [...(groups.get(member.row) ?? []), member]);
  return groups;
}

/** Last and best value of a series; the best is exact, its step is the end of its bucket. */
function resultOf(metric: string, points: readonly MetricPointRow[]): Results[number] {
  const last = points[points.length - 1];
  if (!last) return null;
  const best = points.reduce((found, point) =>
    (lowerIsBetter(metric) ? point.min < found.min : point.max > found.max) ? point : found,
  );
  return {
    last: last.value,
    lastStep: last.step,
    best: lowerIsBetter(metric) ? best.min : best.max,
    bestStep: best.step,
  };
}

/** Only what has succeeded counts: the last value of a run that still trains is not its result. */
function groupOf(
  row: number,
  members: readonly (Member & { results: Results })[],
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
    seconds: seconds.length > 0 ? meanInterval(seconds).mean : null,
    results: Array.from({ length: metrics }, (_, i) => {
      const results = done.flatMap((member) => member.results[i] ?? []);
      return results.length > 0
        ? {
            last: meanInterval(results.map((result) => result.last)),
            best: meanInterval(results.map((result) => result.best)),
          }
        : null;
    }),
  };
}

function readCursor(cursor: string): { at: string; id: string } {
  try {
    const [at, id] = JSON.parse(cursor) as unknown[];
    if (typeof at === "string" && typeof id === "string") return { at, id };
  } catch {
    // Reported below.
  }
  throw new AppError("invalid-input", "The cursor is not one that this list gave.");
}
