import { z } from "zod";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { MetricPoint } from "@/contracts/worker-protocol/metric-point";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { queryRows } from "@/server/platform/db/query";

/**
 * The SQL of metrics. Appending is part of every report and reading returns long arrays, so rows are checked by the
 * first one only.
 */

/** Points of one series that are appended. */
export interface SeriesExtension {
  name: string;
  points: number;
  /** Smallest step of them. */
  first: number;
  /** Step, value and ISO time of the last of them. */
  last: number;
  value: number;
  /** Least and greatest value of them. */
  min: number;
  max: number;
  at: string;
}

/** Extends the series of an attempt and keeps the points themselves until they are compacted. */
export const insertReport = (
  db: Queries,
  ref: AttemptRef,
  extensions: readonly SeriesExtension[],
  points: readonly MetricPoint[],
): Promise<number> => db.$executeRaw`
  WITH extended AS (
    INSERT INTO metric_series AS s (run_id, attempt, name, points, first_step, last_step, last_value, last_at, min_value, max_value)
    SELECT ${ref.runId}::uuid, ${ref.attempt}, n.name, n.points, n.first, n.last, n.value, n.at, n.min, n.max
    FROM jsonb_to_recordset(${toJson(extensions)}::jsonb) AS n(name text, points int, first int, last int, value float8, min float8, max float8, at timestamptz)
    ON CONFLICT (run_id, attempt, name) DO UPDATE SET points = s.points + excluded.points, first_step = least(s.first_step, excluded.first_step),
      last_step = excluded.last_step, last_value = excluded.last_value, last_at = excluded.last_at,
      min_value = CASE WHEN s.min_value IS NOT NULL THEN least(s.min_value, excluded.min_value) END,
      max_value = CASE WHEN s.max_value IS NOT NULL THEN greatest(s.max_value, excluded.max_value) END)
  INSERT INTO metric_reports (run_id, attempt, names, steps, at, metric_values)
  VALUES (${ref.runId}::uuid, ${ref.attempt}, ${points.map(({ name }) => name)}::text[], ${points.map(({ step }) => step)}::int[],
    ${points.map(({ at }) => at)}::float8[], ${points.map(({ value }) => value)}::float8[])`;

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
export const selectHeads = (db: Queries, runIds: readonly string[]): Promise<AttemptHead[]> =>
  queryRows(db, headSchema, { check: "first" })`
    SELECT a.run_id AS "runId", r.kind, a.number, a.from_step AS "fromStep", a.compacted_report::float8 AS compacted,
      greatest(a.compacted_report, (SELECT max(m.id) FROM metric_reports m WHERE m.run_id = a.run_id AND m.attempt = a.number))::float8 AS head
    FROM attempts a JOIN runs r ON r.id = a.run_id WHERE a.run_id = ANY(${runIds}::uuid[]) ORDER BY a.number`;

const tailSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  name: z.string(),
  steps: z.array(z.int()),
  at: z.array(z.number()),
  values: z.array(z.number()),
});
/** Points of a series that are not in chunks yet, in their order. */
export type SeriesTail = z.infer<typeof tailSchema>;

/** What was reported after a report of each run, and is not in chunks yet. @param names null: every series */
export const selectTails = (
  db: Queries,
  runs: readonly { id: string; after: number }[],
  names: readonly string[] | null,
): Promise<SeriesTail[]> =>
  queryRows(db, tailSchema, { check: "first" })`
    SELECT r.run_id AS "runId", r.attempt, p.name, array_agg(p.step ORDER BY r.id, p.n) AS steps, array_agg(p.at ORDER BY r.id, p.n) AS at,
      array_agg(p.value ORDER BY r.id, p.n) AS values
    FROM jsonb_to_recordset(${toJson(runs)}::jsonb) AS w(id uuid, after bigint)
    JOIN metric_reports r ON r.run_id = w.id AND r.id > w.after
    CROSS JOIN LATERAL unnest(r.names, r.steps, r.at, r.metric_values) WITH ORDINALITY AS p(name, step, at, value, n)
    WHERE ${names === null}::boolean OR p.name = ANY(${names ?? []}::text[])
    GROUP BY r.run_id, r.attempt, p.name`;

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
  db: Queries,
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
  db: Queries,
  values: readonly { runId: string; attempt: number; name: string; value: number }[],
): Promise<z.infer<typeof valueStepSchema>[]> =>
  queryRows(db, valueStepSchema)`
    SELECT (SELECT c.min_steps[array_position(c.means, w.value)] FROM metric_chunks c
      WHERE c.run_id = w."runId" AND c.attempt = w.attempt AND c.name = w.name AND c.level = 0 AND array_position(c.means, w.value) IS NOT NULL
      ORDER BY c.chunk LIMIT 1) AS step
    FROM ROWS FROM (jsonb_to_recordset(${toJson(values)}::jsonb) AS ("runId" uuid, attempt int, name text, value float8)) WITH ORDINALITY AS w("runId", attempt, name, value, n)
    ORDER BY w.n`;

/** Appends buckets to chunks of one level; a chunk that does not exist yet is created. */
export const appendToChunks = (
  db: Queries,
  ref: AttemptRef,
  level: number,
  rows: readonly Record<string, unknown>[],
): Promise<number> => db.$executeRaw`
  INSERT INTO metric_chunks AS c (run_id, attempt, name, level, chunk, min_steps, max_steps, at, means, mins, maxs)
  SELECT ${ref.runId}::uuid, ${ref.attempt}, n.name, ${level}, n.chunk, n.min_steps, n.max_steps, n.at, n.means, n.mins, n.maxs
  FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS n(name text, chunk int, min_steps int[], max_steps int[], at float8[], means float8[], mins float8[], maxs float8[])
  ON CONFLICT (run_id, attempt, name, level, chunk) DO UPDATE SET min_steps = c.min_steps || excluded.min_steps,
    at = c.at || excluded.at, means = c.means || excluded.means,
    max_steps = CASE WHEN c.level > 0 THEN c.max_steps || excluded.max_steps ELSE '{}' END,
    mins = CASE WHEN c.level > 0 THEN c.mins || excluded.mins ELSE '{}' END,
    maxs = CASE WHEN c.level > 0 THEN c.maxs || excluded.maxs ELSE '{}' END`;

const compactableSchema = z.object({ runId: z.string() });

/** Runs whose reports are to be compacted: those with many of them, and those that have ended, the oldest first. */
export const selectCompactable = (
  db: Queries,
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
  db: Queries,
  runId: string,
  heads: readonly AttemptHead[],
): Promise<number> => db.$executeRaw`
  WITH moved AS (
    SELECT h.number, h.head FROM jsonb_to_recordset(${toJson(heads)}::jsonb) AS h(number int, head bigint)
  ), kept AS (
    UPDATE attempts a SET compacted_report = h.head FROM moved h WHERE a.run_id = ${runId}::uuid AND a.number = h.number)
  DELETE FROM metric_reports m USING moved h WHERE m.run_id = ${runId}::uuid AND m.attempt = h.number AND m.id <= h.head`;
