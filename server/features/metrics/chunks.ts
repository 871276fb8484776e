import type { AttemptRef } from "@/contracts/worker-protocol/worker-protocol";
import type { Queries } from "@/server/platform/db/database";
import { CHUNK, levelFor, rollUp, type Bucket } from "./rollup";

interface ChunkRow {
  name: string;
  level: number;
  chunk: number;
  minSteps: number[];
  maxSteps: number[];
  at: number[];
  means: number[];
  mins: number[];
  maxs: number[];
}

function bucketsOf(row: ChunkRow): Bucket[] {
  const count = 2 ** row.level;
  return row.means.map((mean, i) => ({
    minStep: row.minSteps[i] ?? 0,
    maxStep: row.maxSteps[i] ?? 0,
    at: row.at[i] ?? 0,
    mean,
    min: row.mins[i] ?? mean,
    max: row.maxs[i] ?? mean,
    count,
  }));
}

export interface Append {
  name: string;
  /** How many buckets the level has already. */
  offset: number;
  buckets: Bucket[];
}

/** Appends buckets to a level of several series in one statement, and rolls chunks that became full up into the next. */
export async function appendBuckets(
  db: Queries,
  ref: AttemptRef,
  level: number,
  items: readonly Append[],
): Promise<void> {
  const rows = [];
  const full: { name: string; chunk: number }[] = [];
  for (const { name, offset, buckets } of items) {
    for (let from = 0; from < buckets.length;) {
      const chunk = Math.floor((offset + from) / CHUNK);
      const part = buckets.slice(from, (chunk + 1) * CHUNK - offset);
      rows.push({
        name,
        chunk,
        min_steps: part.map((b) => b.minStep),
        max_steps: part.map((b) => b.maxStep),
        at: part.map((b) => b.at),
        means: part.map((b) => b.mean),
        mins: part.map((b) => b.min),
        maxs: part.map((b) => b.max),
      });
      from += part.length;
      if ((offset + from) % CHUNK === 0) full.push({ name, chunk });
    }
  }
  await db.$executeRaw`
    INSERT INTO metric_chunks AS c (run_id, attempt, name, level, chunk, min_steps, max_steps, at, means, mins, maxs)
    SELECT ${ref.runId}::uuid, ${ref.attempt}, n.name, ${level}, n.chunk, n.min_steps, n.max_steps, n.at, n.means, n.mins, n.maxs
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS n(name text, chunk int, min_steps int[], max_steps int[], at float8[], means float8[], mins float8[], maxs float8[])
    ON CONFLICT (run_id, attempt, name, level, chunk) DO UPDATE SET min_steps = c.min_steps || excluded.min_steps, max_steps = c.max_steps || excluded.max_steps,
      at = c.at || excluded.at, means = c.means || excluded.means, mins = c.mins || excluded.mins, maxs = c.maxs || excluded.maxs`;
  if (full.length === 0) return;
  const chunks = await db.$queryRaw<ChunkRow[]>`
    SELECT c.name, c.level::int, c.chunk, c.min_steps AS "minSteps", c.max_steps AS "maxSteps", c.at, c.means, c.mins, c.maxs
    FROM metric_chunks c JOIN jsonb_to_recordset(${JSON.stringify(full)}::jsonb) AS f(name text, chunk int) ON f.name = c.name AND f.chunk = c.chunk
    WHERE c.run_id = ${ref.runId}::uuid AND c.attempt = ${ref.attempt} AND c.level = ${level} ORDER BY c.name, c.chunk`;
  const next = new Map<string, Append>();
  for (const row of chunks) {
    const buckets = rollUp(bucketsOf(row));
    const item = next.get(row.name);
    if (item) item.buckets.push(...buckets);
    else next.set(row.name, { name: row.name, offset: (row.chunk * CHUNK) / 2, buckets });
  }
  await appendBuckets(db, ref, level + 1, [...next.values()]);
}

/**
 * Buckets of one attempt's series up to and including step `cut`, coarse enough for about `limit` of them.
 * A bucket that straddles the cut is replaced by its own points, so that nothing beyond the cut shows through.
 */
export async function readBuckets(
  db: Queries,
  ref: AttemptRef,
  name: string,
  points: number,
  limit: number,
  cut: number,
): Promise<Bucket[]> {
  const level = levelFor(points, limit);
  const rows = await db.$queryRaw<ChunkRow[]>`
    SELECT name, level::int, chunk, min_steps AS "minSteps", max_steps AS "maxSteps", at, means, mins, maxs FROM metric_chunks
    WHERE run_id = ${ref.runId}::uuid AND attempt = ${ref.attempt} AND name = ${name}
      AND (level = ${level} OR (level < ${level} AND cardinality(means) < ${CHUNK}))
    ORDER BY level DESC, chunk`;
  const kept: Bucket[] = [];
  for (const row of rows) {
    const buckets = bucketsOf(row);
    for (const [i, bucket] of buckets.entries()) {
      if (bucket.maxStep <= cut) kept.push(bucket);
      else if (bucket.minStep <= cut)
        kept.push(
          ...(await readPoints(
            db,
            ref,
            name,
            (row.chunk * CHUNK + i) * bucket.count,
            bucket.count,
            cut,
          )),
        );
    }
  }
  return kept;
}

/** The points `from` .. `from + count` of a series, in order of arrival, up to step `cut`. */
async function readPoints(
  db: Queries,
  ref: AttemptRef,
  name: string,
  from: number,
  count: number,
  cut: number,
): Promise<Bucket[]> {
  const first = Math.floor(from / CHUNK);
  const rows = await db.$queryRaw<ChunkRow[]>`
    SELECT name, level::int, chunk, min_steps AS "minSteps", max_steps AS "maxSteps", at, means, mins, maxs FROM metric_chunks
    WHERE run_id = ${ref.runId}::uuid AND attempt = ${ref.attempt} AND name = ${name} AND level = 0
      AND chunk BETWEEN ${first} AND ${Math.floor((from + count - 1) / CHUNK)} ORDER BY chunk`;
  const points = rows.flatMap(bucketsOf);
  return points
    .slice(from - first * CHUNK, from - first * CHUNK + count)
    .filter((point) => point.maxStep <= cut);
}
