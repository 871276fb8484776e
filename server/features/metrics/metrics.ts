import type { z } from "zod";
import { findMetric } from "@/core/metrics/metrics";
import { type MetricPoint } from "@/contracts/worker-protocol/metric-point";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { metricNamesResponseSchema, MetricPointRow } from "@/contracts/api/metrics";
import type { Database, Queries } from "@/server/platform/db/database";
import { computeLineageCuts, hasOwnAxis, type LineageAttempt } from "@/core/run/attempt-lineage";
import { appendBuckets, readBuckets } from "./metric-chunks";
import { upsertSeries } from "./queries";
import { downsample, toBucket, type Bucket, type Point } from "./rollup";

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
  kind: string;
  attempts: LineageAttempt[];
  series: SeriesRow[];
}

const NO_SERIES: StoredSeries = { kind: "train", attempts: [], series: [] };

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
    const totals = await upsertSeries(db, ref, rows);
    const total = new Map(totals.map((row) => [row.name, row.points]));
    const items = [...byName].map(([name, list]) => ({
      name,
      offset: (total.get(name) ?? list.length) - list.length,
      buckets: list.map(toBucket),
    }));
    await appendBuckets(db, ref, 0, items);
  }

  async listMetrics(runId: string): Promise<z.infer<typeof metricNamesResponseSchema>> {
    const { kind, attempts, series } = (await this.read([runId], null)).get(runId) ?? NO_SERIES;
    const names = [...new Set(series.map((row) => row.name))].sort();
    const rows = await Promise.all(
      names.map(async (name) => {
        const mine = series.filter((row) => row.name === name);
        const cuts = computeCuts(kind, attempts, name, mine);
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
        const last = (await this.readSeries(runId, [name], 2000))[name]?.at(-1);
        return last ? { name, lastStep: last.step, lastValue: last.value, lastAt: last.at } : null;
      }),
    );
    return rows
      .filter((row) => row !== null)
      .map((row) => ({ ...row, description: findMetric(row.name)?.description ?? null }));
  }

  /** At most `maxPoints` a name; where there are more points, buckets with their extremes. */
  async readSeries(
    runId: string,
    names: readonly string[],
    maxPoints: number,
  ): Promise<Record<string, MetricPointRow[]>> {
    return (await this.readSeriesOfRuns([runId], names, maxPoints)).get(runId) ?? {};
  }

  /** The same for several runs. Every run and name is there, empty where nothing was reported. */
  async readSeriesOfRuns(
    runIds: readonly string[],
    names: readonly string[],
    maxPoints: number,
  ): Promise<Map<string, Record<string, MetricPointRow[]>>> {
    const stored = await this.read(runIds, names);
    const result = new Map<string, Record<string, MetricPointRow[]>>();
    for (const runId of runIds) {
      const { kind, attempts, series } = stored.get(runId) ?? NO_SERIES;
      const byName: Record<string, MetricPointRow[]> = {};
      for (const name of names) {
        const mine = series
          .filter((row) => row.name === name)
          .sort((a, b) => a.attempt - b.attempt);
        const cuts = computeCuts(kind, attempts, name, mine);
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
        byName[name] = downsample(buckets, maxPoints).map(toRow);
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
    const ids = { in: [...runIds] };
    const [runs, attempts, series] = await Promise.all([
      db.run.findMany({ where: { id: ids }, select: { id: true, kind: true } }),
      db.attempt.findMany({
        where: { runId: ids },
        select: { runId: true, number: true, fromStep: true },
      }),
      db.metricSeries.findMany({
        where: { runId: ids, ...(names && { name: { in: [...names] } }) },
      }),
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

function computeCuts(
  kind: string,
  attempts: readonly LineageAttempt[],
  name: string,
  series: readonly SeriesRow[],
): Map<number, number> {
  return computeLineageCuts(attempts, {
    kind: kind === "train" ? "train" : "other",
    ownAxis: hasOwnAxis(name),
    firstSteps: new Map(series.map((row) => [row.attempt, row.firstStep])),
  });
}
