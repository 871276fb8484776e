import type { z } from "zod";
import type {
  metricNamesResponseSchema,
  metricSeriesOfRunsRequestSchema,
  metricSeriesRequestSchema,
  MetricSeries,
} from "@/contracts/api/metrics";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { toColumns } from "@/core/metrics/columns";
import { findMetric } from "@/core/metrics/metrics";
import { groupBy } from "@/lib/group-by";
import type { Database, Statements } from "@/server/platform/db/database";
import { readBuckets } from "./metric-chunks";
import { insertReport, selectHeads, type AttemptHead, type ReportedSeries } from "./queries";
import {
  formatCursor,
  NO_CURSOR,
  readNewPoints,
  toEntry,
  type SeriesEntries,
  type SeriesReading,
} from "./read-new-points";
import { readResults, type SeriesResult } from "./read-results";
import { downsample, type Bucket } from "./rollup";
import { SharedAnswers } from "./shared-answers";
import { readParts } from "./stored-series";

type SeriesRequest = z.output<typeof metricSeriesOfRunsRequestSchema>;
type Answer = Record<string, MetricSeries>;

/** The largest step there is. */
const MAX_STEP = 2 ** 31 - 1;

/** Numbers over steps: written by attempts, read along the surviving lineage. */
export class Metrics {
  private readonly answers = new SharedAnswers<Answer>();

  constructor(private readonly database: Database) {}

  /** Appends points of an attempt. Call it under the run's row lock, which keeps them in order. */
  async append(db: Statements, ref: AttemptRef, points: readonly MetricPoint[]): Promise<void> {
    if (points.length > 0) await insertReport(db, ref, toReportedSeries(points));
  }

  /** Every metric of a run with its last point that survives. */
  listMetrics(runId: string): Promise<z.infer<typeof metricNamesResponseSchema>> {
    return this.database.readArrays(async (db) => {
      const parts = await readParts(db, await selectHeads(db, [runId]), null);
      const rows = [...groupBy(parts, ({ name }) => name)].map(async ([name, ofName]) => {
        const newest = ofName.findLast(({ firstStep, cut }) => firstStep <= cut);
        if (!newest) return null;
        const { lastStep, lastValue, lastAt, cut } = newest;
        if (lastStep <= cut) return { name, lastStep, lastValue, lastAt };
        // The end of this attempt did not survive: the last point that did has to be looked for.
        const last = (await readBuckets(db, [newest], 2000, null)).get(newest)?.at(-1);
        return last
          ? { name, lastStep: last.maxStep, lastValue: last.mean, lastAt: new Date(last.at) }
          : null;
      });
      return (await Promise.all(rows))
        .filter((row) => row !== null)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((row) => ({ ...row, description: findMetric(row.name)?.description ?? null }));
    });
  }

  /** At most `maxPoints` a name; where there are more points, buckets with their extremes. Every name is there. */
  async readSeries(
    runId: string,
    names: readonly string[],
    maxPoints: number,
  ): Promise<SeriesEntries> {
    return (await this.readSeriesOfRuns([runId], names, maxPoints)).get(runId) ?? {};
  }

  /** The points themselves, of every attempt that survives, in order of arrival. @param range of steps; null: all */
  async readPoints(
    db: Statements,
    runId: string,
    names: readonly string[],
    range: { from: number; to: number } | null,
  ): Promise<MetricPoint[]> {
    const parts = await readParts(db, await selectHeads(db, [runId]), names);
    const buckets = await readBuckets(db, parts, Number.MAX_SAFE_INTEGER, range);
    return parts.flatMap((part) =>
      (buckets.get(part) ?? []).map(({ minStep, at, mean }) => ({
        name: part.name,
        step: minStep,
        at,
        value: mean,
      })),
    );
  }

  /** Every surviving point of one metric, by step; those of one step in order of arrival. */
  async readReported(runId: string, name: string): Promise<MetricPoint[]> {
    const points = await this.database.readArrays((db) => this.readPoints(db, runId, [name], null));
    return points.sort((a, b) => a.step - b.step);
  }

  /** As `readSeries`, for several runs. Every run and name is there, empty where nothing was reported. */
  readSeriesOfRuns(
    runIds: readonly string[],
    names: readonly string[],
    maxPoints: number,
  ): Promise<Map<string, SeriesEntries>> {
    return this.database.readArrays(async (db) =>
      readWhole(db, await selectHeads(db, runIds), { runIds, names, maxPoints, range: null }),
    );
  }

  /** All that the series of runs depend on: while it is the same, so are they. */
  async describeState(runIds: readonly string[]): Promise<string> {
    const heads = await selectHeads(this.database.db, runIds);
    return heads
      .map(({ runId, number, fromStep, head }) => `${runId} ${number} ${fromStep} ${head}`)
      .sort()
      .join("\n");
  }

  /** Last and best value of each series, by run and name; a series without a point is absent. */
  readResults(
    runIds: readonly string[],
    names: readonly string[],
  ): Promise<Map<string, Map<string, SeriesResult>>> {
    return this.database.readArrays((db) => readResults(db, runIds, names));
  }

  /**
   * Series as columns with a cursor: whole, or what came after `since`. Those who ask the same before anything changes
   * are given one answer that is read once.
   */
  async readSeriesUpdates(request: SeriesRequest): Promise<Answer> {
    const heads = await selectHeads(this.database.db, request.runIds);
    const state = heads.map(({ runId, number, head }) => `${runId} ${number} ${head}`);
    return this.answers.get(JSON.stringify([request, state]), () =>
      this.database.readArrays((db) => readAnswer(db, request)),
    );
  }

  /** The same of one run. */
  async readRunUpdates({
    runId,
    since,
    ...reading
  }: z.output<typeof metricSeriesRequestSchema>): Promise<MetricSeries> {
    const request = {
      ...reading,
      runIds: [runId],
      since: since === undefined ? {} : { [runId]: since },
    };
    const answers = await this.readSeriesUpdates(request);
    return answers[runId]!;
  }
}

/** Points series by series; those of one keep their order. */
export function toReportedSeries(points: readonly MetricPoint[]): ReportedSeries {
  const series: ReportedSeries = {
    names: [],
    counts: [],
    firsts: [],
    lasts: [],
    lastValues: [],
    lastAts: [],
    lows: [],
    highs: [],
    steps: [],
    ats: [],
    values: [],
  };
  for (const [name, ofName] of groupBy(points, (point) => point.name)) {
    const last = ofName[ofName.length - 1]!;
    let [first, low, high] = [last.step, last.value, last.value];
    for (const { step, at, value } of ofName) {
      if (step < first) first = step;
      if (value < low) low = value;
      if (value > high) high = value;
      series.steps.push(step);
      series.ats.push(at);
      series.values.push(value);
    }
    series.names.push(name);
    series.counts.push(ofName.length);
    series.firsts.push(first);
    series.lasts.push(last.step);
    series.lastValues.push(last.value);
    series.lastAts.push(last.at);
    series.lows.push(low);
    series.highs.push(high);
  }
  return series;
}

async function readAnswer(db: Statements, request: SeriesRequest): Promise<Answer> {
  const { runIds, names, maxPoints, from, to, since } = request;
  const range =
    from === undefined && to === undefined ? null : { from: from ?? 0, to: to ?? MAX_STEP };
  const heads = await selectHeads(db, runIds);
  const added = await readNewPoints(db, heads, { names, maxPoints, range, since });
  const rest = runIds.filter((runId) => !added.has(runId));
  const whole = await readWhole(db, heads, { runIds: rest, names, maxPoints, range });
  const newest = new Map(heads.map((head) => [head.runId, formatCursor(head)]));
  return Object.fromEntries(
    runIds.map((runId) => {
      const series = added.get(runId) ?? whole.get(runId) ?? {};
      const columns = Object.entries(series).map(([name, entries]) => [name, toColumns(entries)]);
      return [
        runId,
        {
          cursor: newest.get(runId) ?? NO_CURSOR,
          whole: !added.has(runId),
          series: Object.fromEntries(columns) as MetricSeries["series"],
        },
      ];
    }),
  );
}

async function readWhole(
  db: Statements,
  heads: readonly AttemptHead[],
  { runIds, names, maxPoints, range }: SeriesReading & { runIds: readonly string[] },
): Promise<Map<string, SeriesEntries>> {
  const asked = new Set(runIds);
  const parts = await readParts(
    db,
    heads.filter(({ runId }) => asked.has(runId)),
    names,
  );
  const alive = parts.filter(({ firstStep, cut }) => firstStep <= cut);
  const buckets = await readBuckets(db, alive, maxPoints, range);
  const series = groupBy(alive, getSeriesKey);
  return new Map(
    runIds.map((runId) => [
      runId,
      Object.fromEntries(
        names.map((name) => {
          const all: Bucket[] = [];
          for (const part of series.get(getSeriesKey({ runId, name })) ?? [])
            for (const bucket of buckets.get(part) ?? []) all.push(bucket);
          return [name, downsample(all, maxPoints).map(toEntry)];
        }),
      ),
    ]),
  );
}

const getSeriesKey = ({ runId, name }: { runId: string; name: string }): string =>
  `${runId} ${name}`;
