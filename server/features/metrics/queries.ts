import { z } from "zod";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { queryRows, sql, type Sql } from "@/server/platform/db/query";

/**
 * The SQL of metrics. Appending is part of every report, so its rows are checked by the first one only, as are those
 * of chunks, which are long arrays.
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
  at: string;
}

/** Extends the series of an attempt. @returns how many points each has now */
export const upsertSeries = (
  db: Queries,
  ref: AttemptRef,
  rows: readonly SeriesExtension[],
): Promise<{ name: string; points: number }[]> =>
  queryRows(db, z.object({ name: z.string(), points: z.int() }), { check: "first" })`
    INSERT INTO metric_series AS s (run_id, attempt, name, points, first_step, last_step, last_value, last_at)
    SELECT ${ref.runId}::uuid, ${ref.attempt}, n.name, n.points, n.first, n.last, n.value, n.at
    FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS n(name text, points int, first int, last int, value float8, at timestamptz)
    ON CONFLICT (run_id, attempt, name) DO UPDATE SET points = s.points + excluded.points, first_step = least(s.first_step, excluded.first_step),
      last_step = excluded.last_step, last_value = excluded.last_value, last_at = excluded.last_at
    RETURNING name, points`;

const chunkSchema = z.object({
  name: z.string(),
  level: z.int(),
  chunk: z.int(),
  minSteps: z.array(z.int()),
  maxSteps: z.array(z.int()),
  at: z.array(z.number()),
  means: z.array(z.number()),
  mins: z.array(z.number()),
  maxs: z.array(z.number()),
});
/** Buckets of a series, column by column. */
export type MetricChunk = z.infer<typeof chunkSchema>;

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
  ON CONFLICT (run_id, attempt, name, level, chunk) DO UPDATE SET min_steps = c.min_steps || excluded.min_steps, max_steps = c.max_steps || excluded.max_steps,
    at = c.at || excluded.at, means = c.means || excluded.means, mins = c.mins || excluded.mins, maxs = c.maxs || excluded.maxs`;

const selectChunks = (db: Queries, ref: AttemptRef, rest: Sql): Promise<MetricChunk[]> =>
  queryRows(db, chunkSchema, { check: "first" })`
    SELECT name, level::int, chunk, min_steps AS "minSteps", max_steps AS "maxSteps", at, means, mins, maxs FROM metric_chunks
    WHERE run_id = ${ref.runId}::uuid AND attempt = ${ref.attempt} AND ${rest}`;

/** The given chunks of several series on one level. */
export const selectChunksByNumber = (
  db: Queries,
  ref: AttemptRef,
  level: number,
  chunks: readonly { name: string; chunk: number }[],
): Promise<MetricChunk[]> =>
  selectChunks(
    db,
    ref,
    sql`level = ${level} AND (name, chunk) IN (SELECT f.name, f.chunk FROM jsonb_to_recordset(${toJson(chunks)}::jsonb) AS f(name text, chunk int)) ORDER BY name, chunk`,
  );

/** All chunks of a series on a level, and those of the levels below that have fewer than `size` buckets. */
export const selectChunksOfLevel = (
  db: Queries,
  ref: AttemptRef,
  name: string,
  level: number,
  size: number,
): Promise<MetricChunk[]> =>
  selectChunks(
    db,
    ref,
    sql`name = ${name} AND (level = ${level} OR (level < ${level} AND cardinality(means) < ${size})) ORDER BY level DESC, chunk`,
  );

/** The chunks `first` to `last` of a series that hold its points themselves. */
export const selectPointChunks = (
  db: Queries,
  ref: AttemptRef,
  name: string,
  first: number,
  last: number,
): Promise<MetricChunk[]> =>
  selectChunks(
    db,
    ref,
    sql`name = ${name} AND level = 0 AND chunk BETWEEN ${first} AND ${last} ORDER BY chunk`,
  );
