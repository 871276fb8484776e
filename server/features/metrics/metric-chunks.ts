import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { Queries } from "@/server/platform/db/database";
import {
  appendToChunks,
  selectChunksByNumber,
  selectChunksOfLevel,
  selectPointChunks,
  type MetricChunk,
} from "./queries";
import { CHUNK_SIZE, chooseLevel, rollUp, type Bucket } from "./rollup";

function toBuckets(row: MetricChunk): Bucket[] {
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

/** Buckets to append to a level of a series. */
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
      const chunk = Math.floor((offset + from) / CHUNK_SIZE);
      const part = buckets.slice(from, (chunk + 1) * CHUNK_SIZE - offset);
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
      if ((offset + from) % CHUNK_SIZE === 0) full.push({ name, chunk });
    }
  }
  await appendToChunks(db, ref, level, rows);
  if (full.length === 0) return;
  const chunks = await selectChunksByNumber(db, ref, level, full);
  const next = new Map<string, Append>();
  for (const row of chunks) {
    const buckets = rollUp(toBuckets(row));
    const item = next.get(row.name);
    if (item) item.buckets.push(...buckets);
    else next.set(row.name, { name: row.name, offset: (row.chunk * CHUNK_SIZE) / 2, buckets });
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
  const level = chooseLevel(points, limit);
  const rows = await selectChunksOfLevel(db, ref, name, level, CHUNK_SIZE);
  const kept: Bucket[] = [];
  for (const row of rows) {
    const buckets = toBuckets(row);
    for (const [i, bucket] of buckets.entries()) {
      if (bucket.maxStep <= cut) kept.push(bucket);
      else if (bucket.minStep <= cut)
        kept.push(
          ...(await readPoints(
            db,
            ref,
            name,
            (row.chunk * CHUNK_SIZE + i) * bucket.count,
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
  const first = Math.floor(from / CHUNK_SIZE);
  const last = Math.floor((from + count - 1) / CHUNK_SIZE);
  const rows = await selectPointChunks(db, ref, name, first, last);
  const points = rows.flatMap(toBuckets);
  return points
    .slice(from - first * CHUNK_SIZE, from - first * CHUNK_SIZE + count)
    .filter((point) => point.maxStep <= cut);
}
