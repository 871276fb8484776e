import { z } from "zod";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import {
  decodeDoubles,
  decodeIntegers,
  encodeDoubles,
  encodeIntegers,
  formatTexts,
} from "@/server/platform/db/binary-arrays";
import type { Statements } from "@/server/platform/db/database";
import { LOCKS } from "@/server/platform/db/locks";
import { toJson } from "@/server/platform/db/json";
import { queryRows } from "@/server/platform/db/query";

/** The SQL of metrics. Reading returns long arrays, so rows are checked by the first one only. */

/** Points of a report series by series, as `append_metrics` takes them (0043_metric_columns). */
export interface ReportedSeries {
  names: string[];
  /** Points of each series. */
  counts: number[];
  /** Smallest step, and step, value and time in milliseconds of the last point, least and greatest value of each series. */
  firsts: number[];
  lasts: number[];
  lastValues: number[];
  lastAts: number[];
  lows: number[];
  highs: number[];
  /** Of all points: those of the first series, then those of the second. */
  steps: number[];
  ats: number[];
  values: number[];
}

/** The same as arrays of PostgreSQL, in the order of the function. */
export const encodeReportedSeries = (series: ReportedSeries): (string | Buffer)[] => [
  formatTexts(series.names),
  encodeIntegers(series.counts),
  encodeIntegers(series.firsts),
  encodeIntegers(series.lasts),
  encodeDoubles(series.lastValues),
  encodeDoubles(series.lastAts),
  encodeDoubles(series.lows),
  encodeDoubles(series.highs),
  encodeIntegers(series.steps),
  encodeDoubles(series.ats),
  encodeDoubles(series.values),
];

/** Extends the series of an attempt and keeps the points themselves until they are compacted. */
export async function insertReport(
  db: Statements,
  ref: AttemptRef,
  series: ReportedSeries,
): Promise<void> {
  const [names, counts, firsts, lasts, lastValues, lastAts, lows, highs, steps, ats, values] =
    encodeReportedSeries(series);
  await db.$executeRaw`
    SELECT append_metrics(${ref.runId}::uuid, ${ref.attempt}, ${names}::text[], ${counts}::int[], ${firsts}::int[], ${lasts}::int[],
      ${lastValues}::float8[], ${lastAts}::float8[], ${lows}::float8[], ${highs}::float8[], ${steps}::int[], ${ats}::float8[], ${values}::float8[])`;
}

const headSchema = z.object({
  runId: z.string(),
  kind: z.string(),
  number: z.int(),
  fromStep: z.int().nullable(),
  compacted: z.number(),
  head: z.number(),
});
/** An attempt: its newest report of metrics, and the newest whose points lie in chunks. */
export type AttemptHead = z.infer<typeof headSchema>;

/** The attempts of runs, by number. */
export const selectHeads = (db: Statements, runIds: readonly string[]): Promise<AttemptHead[]> =>
  queryRows(db, headSchema, { check: "first" })`
    SELECT a.run_id AS "runId", r.kind, a.number, a.from_step AS "fromStep", a.compacted_report::float8 AS compacted,
      greatest(a.compacted_report, (SELECT max(m.id) FROM metric_reports m WHERE m.run_id = a.run_id AND m.attempt = a.number))::float8 AS head
    FROM attempts a JOIN runs r ON r.id = a.run_id WHERE a.run_id = ANY(${runIds}::uuid[]) ORDER BY a.number`;

const storedReportSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  names: z.array(z.string()),
  counts: z.instanceof(Uint8Array),
  steps: z.instanceof(Uint8Array),
  at: z.instanceof(Uint8Array),
  values: z.instanceof(Uint8Array),
});

/** Any double, also what is no number. */
const doubleSchema = z.custom<number>((value) => typeof value === "number");

const seriesSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  name: z.string(),
  points: z.int(),
  firstStep: z.int(),
  lastStep: z.int(),
  lastValue: doubleSchema,
  lastAt: z.date(),
  minValue: doubleSchema.nullable(),
  maxValue: doubleSchema.nullable(),
});
/** What is known of a series without its points. */
type StoredSeries = z.infer<typeof seriesSchema>;

/** The series of runs by attempt. @param names null: every series */
export const selectSeries = (
  db: Statements,
  runIds: readonly string[],
  names: readonly string[] | null,
): Promise<StoredSeries[]> =>
  queryRows(db, seriesSchema, { check: "first" })`
    SELECT s.run_id AS "runId", s.attempt, s.name, s.points, s.first_step AS "firstStep", s.last_step AS "lastStep", s.last_value AS "lastValue",
      s.last_at AS "lastAt", s.min_value AS "minValue", s.max_value AS "maxValue"
    FROM metric_series s
    WHERE s.run_id = ANY(${runIds}::uuid[]) AND (${names === null}::boolean OR s.name = ANY(${names ?? []}::text[]))
    ORDER BY s.attempt`;

/** Points of a series that are not in chunks yet, in their order. */
export interface SeriesTail extends AttemptRef {
  name: string;
  steps: number[];
  at: number[];
  values: number[];
}

/** What was reported after a report of each run, and is not in chunks yet. @param names null: every series */
export async function selectTails(
  db: Statements,
  runs: readonly { id: string; after: number }[],
  names: readonly string[] | null,
): Promise<SeriesTail[]> {
  const reports = await queryRows(db, storedReportSchema, { check: "first" })`
    SELECT r.run_id AS "runId", r.attempt, r.names, array_send(r.counts) AS counts, array_send(r.steps) AS steps, array_send(r.at) AS at, array_send(r.metric_values) AS values
    FROM jsonb_to_recordset(${toJson(runs)}::jsonb) AS w(id uuid, after bigint)
    JOIN metric_reports r ON r.run_id = w.id AND r.id > w.after
    WHERE ${names === null}::boolean OR r.names && ${names ?? []}::text[]
    ORDER BY r.id`;
  const wanted = names && new Set(names);
  const tails = new Map<string, SeriesTail>();
  for (const { runId, attempt, names: reported, ...arrays } of reports) {
    const counts = decodeIntegers(arrays.counts);
    const steps = decodeIntegers(arrays.steps);
    const at = decodeDoubles(arrays.at);
    const values = decodeDoubles(arrays.values);
    let from = 0;
    for (const [i, name] of reported.entries()) {
      const to = from + counts[i]!;
      if (!wanted || wanted.has(name)) {
        const key = `${runId} ${attempt} ${name}`;
        let tail = tails.get(key);
        if (!tail) tails.set(key, (tail = { runId, attempt, name, steps: [], at: [], values: [] }));
        for (let n = from; n < to; n++) {
          tail.steps.push(steps[n]!);
          tail.at.push(at[n]!);
          tail.values.push(values[n]!);
        }
      }
      from = to;
    }
  }
  return [...tails.values()];
}

const chunkSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  name: z.string(),
  level: z.int(),
  chunk: z.int(),
  minSteps: z.instanceof(Uint8Array),
  maxSteps: z.instanceof(Uint8Array),
  at: z.instanceof(Uint8Array),
  means: z.instanceof(Uint8Array),
  mins: z.instanceof(Uint8Array),
  maxs: z.instanceof(Uint8Array),
});
/** Buckets of a series, column by column in binary; on level 0 steps and values alone may be there. */
export type MetricChunk = z.infer<typeof chunkSchema>;

/** Chunks of a series on a level, by number. */
export interface ChunkRange {
  runId: string;
  attempt: number;
  name: string;
  level: number;
  first: number;
  last: number;
}

/** The chunks of ranges that reach into steps, those of the highest level first, in the order of a series. */
export const selectChunks = (
  db: Statements,
  ranges: readonly ChunkRange[],
  steps: { from: number; to: number } | null = null,
): Promise<MetricChunk[]> =>
  queryRows(db, chunkSchema, { check: "first" })`
    SELECT c.run_id AS "runId", c.attempt, c.name, c.level::int, c.chunk, array_send(c.min_steps) AS "minSteps", array_send(c.max_steps) AS "maxSteps", array_send(c.at) AS at,
      array_send(c.means) AS means, array_send(c.mins) AS mins, array_send(c.maxs) AS maxs
    FROM jsonb_to_recordset(${toJson(ranges)}::jsonb) AS w("runId" uuid, attempt int, name text, level int, first int, last int)
    JOIN metric_chunks c ON c.run_id = w."runId" AND c.attempt = w.attempt AND c.name = w.name AND c.level = w.level AND c.chunk BETWEEN w.first AND w.last
    WHERE ${steps === null}::boolean OR (c.min_steps[1] <= ${steps?.to ?? 0}::int
      AND coalesce(c.max_steps[cardinality(c.max_steps)], c.min_steps[cardinality(c.min_steps)]) >= ${steps?.from ?? 0}::int)
    ORDER BY c.level DESC, c.chunk`;

const valueStepSchema = z.object({ step: z.int().nullable() });

/** The first step in chunks at which each series has a value, in the order given; null where none has it. */
export const selectStepsOfValues = (
  db: Statements,
  values: readonly { runId: string; attempt: number; name: string; value: number }[],
): Promise<z.infer<typeof valueStepSchema>[]> =>
  queryRows(db, valueStepSchema)`
    SELECT (SELECT c.min_steps[array_position(c.means, w.value)] FROM metric_chunks c
      WHERE c.run_id = w."runId" AND c.attempt = w.attempt AND c.name = w.name AND c.level = 0 AND array_position(c.means, w.value) IS NOT NULL
      ORDER BY c.chunk LIMIT 1) AS step
    FROM ROWS FROM (jsonb_to_recordset(${toJson(values)}::jsonb) AS ("runId" uuid, attempt int, name text, value float8)) WITH ORDINALITY AS w("runId", attempt, name, value, n)
    ORDER BY w.n`;

/** Buckets that are appended to chunks: rows say where, and which part of the columns is theirs. */
export interface ChunkParts {
  names: string[];
  chunks: number[];
  /** First and last bucket of each row, counted from 1. */
  firsts: number[];
  lasts: number[];
  minSteps: number[];
  at: number[];
  means: number[];
  /** Empty on level 0. */
  maxSteps: number[];
  mins: number[];
  maxs: number[];
}

/** Appends buckets to chunks of one level; a chunk that does not exist yet is created. */
export const appendToChunks = (
  db: Statements,
  ref: AttemptRef,
  level: number,
  parts: ChunkParts,
): PromiseLike<number> => db.$executeRaw`
  INSERT INTO metric_chunks AS c (run_id, attempt, name, level, chunk, min_steps, max_steps, at, means, mins, maxs)
  SELECT ${ref.runId}::uuid, ${ref.attempt}, n.name, ${level}, n.chunk, (${encodeIntegers(parts.minSteps)}::int[])[n.first:n.last],
    (${encodeIntegers(parts.maxSteps)}::int[])[n.first:n.last], (${encodeDoubles(parts.at)}::float8[])[n.first:n.last],
    (${encodeDoubles(parts.means)}::float8[])[n.first:n.last], (${encodeDoubles(parts.mins)}::float8[])[n.first:n.last],
    (${encodeDoubles(parts.maxs)}::float8[])[n.first:n.last]
  FROM unnest(${formatTexts(parts.names)}::text[], ${encodeIntegers(parts.chunks)}::int[], ${encodeIntegers(parts.firsts)}::int[],
    ${encodeIntegers(parts.lasts)}::int[]) AS n(name, chunk, first, last)
  ON CONFLICT (run_id, attempt, name, level, chunk) DO UPDATE SET min_steps = c.min_steps || excluded.min_steps,
    at = c.at || excluded.at, means = c.means || excluded.means,
    max_steps = CASE WHEN c.level > 0 THEN c.max_steps || excluded.max_steps ELSE '{}' END,
    mins = CASE WHEN c.level > 0 THEN c.mins || excluded.mins ELSE '{}' END,
    maxs = CASE WHEN c.level > 0 THEN c.maxs || excluded.maxs ELSE '{}' END`;

/** One transaction at a time moves reports into chunks. */
export const lockCompaction = (db: Statements): PromiseLike<number> =>
  db.$executeRaw`SELECT pg_advisory_xact_lock(${LOCKS.compaction}::bigint)`;

/** Locks a run's row until the end of the transaction: no report of it is stored meanwhile. */
export const lockRun = (db: Statements, runId: string): PromiseLike<number> =>
  db.$executeRaw`SELECT id FROM runs WHERE id = ${runId}::uuid FOR NO KEY UPDATE`;

const compactableSchema = z.object({ runId: z.string() });

/** Runs whose reports are to be compacted: those with many of them, and those that have ended, the oldest first. */
export const selectCompactable = (
  db: Statements,
  reports: number,
  points: number,
  limit: number,
): Promise<{ runId: string }[]> =>
  queryRows(db, compactableSchema)`
    SELECT m.run_id AS "runId" FROM metric_reports m JOIN runs r ON r.id = m.run_id
    GROUP BY m.run_id, r.ended_at
    HAVING r.ended_at IS NOT NULL OR count(*) >= ${reports} OR sum(cardinality(m.steps)) >= ${points}
    ORDER BY min(m.id) LIMIT ${limit}`;

/** Deletes the reports of attempts, which lie in chunks now, and keeps which was the newest. */
export const deleteReports = (
  db: Statements,
  runId: string,
  heads: readonly AttemptHead[],
): PromiseLike<number> => db.$executeRaw`
  WITH moved AS (
    SELECT h.number, h.head FROM jsonb_to_recordset(${toJson(heads)}::jsonb) AS h(number int, head bigint)
  ), kept AS (
    UPDATE attempts a SET compacted_report = h.head FROM moved h WHERE a.run_id = ${runId}::uuid AND a.number = h.number)
  DELETE FROM metric_reports m USING moved h WHERE m.run_id = ${runId}::uuid AND m.attempt = h.number AND m.id <= h.head`;
