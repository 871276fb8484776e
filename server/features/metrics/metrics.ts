import type { z } from "zod";
import { metricDescription } from "@/core/metrics/metrics";
import { type MetricPoint } from "@/contracts/worker-protocol/metric-point";
import type { RunKind } from "@/contracts/records/run-state";
import type { AttemptRef } from "@/contracts/worker-protocol/worker-protocol";
import type { metricNamesResponseSchema, MetricPointRow } from "@/contracts/api/metrics";
import type { Database, Queries } from "@/server/platform/db/database";
import { cutsOf, hasOwnAxis, type LineageAttempt } from "@/server/features/runs/lineage";
import { appendBuckets, readBuckets } from "./chunks";
import { bucketOf, fit, type Bucket, type Point } from "./rollup";

interface SeriesRow {
  attempt: number;
  name: string;
  points: number;
  firstStep: number;
  lastStep: number;
  lastValue: number;
  lastAt: Date;
}

interface StoredSeries {
  kind: RunKind;
  attempts: LineageAttempt[];
  series: SeriesRow[];
}

const toRow = (bucket: Bucket): MetricPointRow => ({
  step: bucket.maxStep,
  at: new Date(bucket.at),
  value: bucket.mean,
  min: bucket.min,
  max: bucket.max,
  count: bucket.count,
});

/** Numbers over steps: written by attempts, read along the surviving lineage. */
export class Metrics {
  constructor(private readonly database: Database) {}

  /** Appends points of an attempt. Call it under the run's row lock, which keeps the chunks in order. */
  async append(db: Queries, ref: AttemptRef, points: readonly MetricPoint[]): Promise<void> {
    const byName = new Map<string, Point[]>();
    for (const { name, ...point } of points) {
      const list = byName.get(name);
      if (list) list.push(point);
      else byName.set(name, [point]);
    }
    if (byName.size === 0) return;
    const rows = [...byName].map(([name, list]) => {
      const steps = list.map((point) => point.step);
      const last = list[list.length - 1];
      if (!last) throw new RangeError("an empty series");
      return {
        name,
        points: list.length,
        first: Math.min(...steps),
        last: last.step,
        value: last.value,
        at: new Date(last.at).toISOString(),
      };
    });
    const totals = await db.$queryRaw<{ name: string; points: number }[]>`
      INSERT INTO metric_series AS s (run_id, attempt, name, points, first_step, last_step, last_value, last_at)
      SELECT ${ref.runId}::uuid, ${ref.attempt}, n.name, n.points, n.first, n.last, n.value, n.at
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS n(name text, points int, first int, last int, value float8, at timestamptz)
      ON CONFLICT (run_id, attempt, name) DO UPDATE SET points = s.points + excluded.points, first_step = least(s.first_step, excluded.first_step),
        last_step = excluded.last_step, last_value = excluded.last_value, last_at = excluded.last_at
      RETURNING name, points`;
    const total = new Map(totals.map((row) => [row.name, row.points]));
    const items = [...byName].map(([name, list]) => ({
      name,
      offset: (total.get(name) ?? list.length) - list.length,
      buckets: list.map(bucketOf),
    }));
    await appendBuckets(db, ref, 0, items);
  }

  async names(runId: string): Promise<z.infer<typeof metricNamesResponseSchema>> {
    const { kind, attempts, series } = (await this.read([runId], null)).get(runId) ?? {
      kind: "train",
      attempts: [],
      series: [],
    };
    const names = [...new Set(series.map((row) => row.name))].sort();
    const rows = await Promise.all(
      names.map(async (name) => {
        const mine = series.filter((row) => row.name === name);
        const cuts = cutsFor(kind, attempts, name, mine);
        const newest = mine
          .filter((row) => row.firstStep <= (cuts.get(row.attempt) ?? -1))
          .sort((a, b) => b.attempt - a.attempt)[0];
        if (!newest) return null;
        if (newest.lastStep <= (cuts.get(newest.attempt) ?? -1))
          return {
            name,
            lastStep: newest.lastStep,
            lastValue: newest.lastValue,
            lastAt: newest.lastAt,
          };
        // The end of this attempt did not survive: the last point that did has to be looked for.
        const last = (await this.series(runId, [name], 2000))[name]?.at(-1);
        return last ? { name, lastStep: last.step, lastValue: last.value, lastAt: last.at } : null;
      }),
    );
    return rows
      .filter((row) => row !== null)
      .map((row) => ({ ...row, description: metricDescription(row.name) }));
  }

  /** At most `maxPoints` a name; where there are more points, buckets with their extremes. */
  async series(
    runId: string,
    names: readonly string[],
    maxPoints: number,
  ): Promise<Record<string, MetricPointRow[]>> {
    return (await this.seriesOf([runId], names, maxPoints)).get(runId) ?? {};
  }

  /** The same for several runs. Every run and name is there, empty where nothing was reported. */
  async seriesOf(
    runIds: readonly string[],
    names: readonly string[],
    maxPoints: number,
  ): Promise<Map<string, Record<string, MetricPointRow[]>>> {
    const stored = await this.read(runIds, names);
    const result = new Map<string, Record<string, MetricPointRow[]>>();
    for (const runId of runIds) {
      const { kind, attempts, series } = stored.get(runId) ?? {
        kind: "train",
        attempts: [],
        series: [],
      };
      const byName: Record<string, MetricPointRow[]> = {};
      for (const name of names) {
        const mine = series
          .filter((row) => row.name === name)
          .sort((a, b) => a.attempt - b.attempt);
        const cuts = cutsFor(kind, attempts, name, mine);
        const buckets: Bucket[] = [];
        for (const { attempt, firstStep, points } of mine) {
          const cut = cuts.get(attempt) ?? -1;
          if (firstStep <= cut)
            buckets.push(
              ...(await readBuckets(
                this.database.db,
                { runId, attempt },
                name,
                points,
                maxPoints,
                cut,
              )),
            );
        }
        byName[name] = fit(buckets, maxPoints).map(toRow);
      }
      result.set(runId, byName);
    }
    return result;
  }

  private async read(
    runIds: readonly string[],
    names: readonly string[] | null,
  ): Promise<Map<string, StoredSeries>> {
    const { db } = this.database;
    const [runs, attempts, series] = await Promise.all([
      db.$queryRaw<
        { id: string; kind: RunKind }[]
      >`SELECT id, kind FROM runs WHERE id = ANY(${runIds}::uuid[])`,
      db.$queryRaw<
        (LineageAttempt & { runId: string })[]
      >`SELECT run_id AS "runId", number, from_step AS "fromStep" FROM attempts WHERE run_id = ANY(${runIds}::uuid[])`,
      db.$queryRaw<(SeriesRow & { runId: string })[]>`
        SELECT run_id AS "runId", attempt, name, points, first_step AS "firstStep", last_step AS "lastStep", last_value AS "lastValue", last_at AS "lastAt"
        FROM metric_series WHERE run_id = ANY(${runIds}::uuid[]) AND (${names === null}::boolean OR name = ANY(${names ?? []}::text[]))`,
    ]);
    return new Map(
      runs.map(({ id, kind }) => [
        id,
        {
          kind,
          attempts: attempts.filter((row) => row.runId === id),
          series: series.filter((row) => row.runId === id),
        },
      ]),
    );
  }
}

function cutsFor(
  kind: RunKind,
  attempts: readonly LineageAttempt[],
  name: string,
  series: readonly SeriesRow[],
): Map<number, number> {
  return cutsOf(attempts, {
    kind: kind === "train" ? "train" : "other",
    ownAxis: hasOwnAxis(name),
    firstSteps: new Map(series.map((row) => [row.attempt, row.firstStep])),
  });
}
