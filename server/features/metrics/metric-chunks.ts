import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { groupBy } from "@/lib/group-by";
import { decodeDoubles, decodeIntegers } from "@/server/platform/db/binary-arrays";
import type { Statements } from "@/server/platform/db/database";
import { appendToChunks, selectChunks, type ChunkParts, type MetricChunk } from "./queries";
import { CHUNK_SIZE, chooseLevel, listChunks, rollUp, type Bucket } from "./rollup";

function toBuckets(row: MetricChunk): Bucket[] {
  const count = 2 ** row.level;
  const [minSteps, maxSteps] = [decodeIntegers(row.minSteps), decodeIntegers(row.maxSteps)];
  const [at, mins, maxs] = [
    decodeDoubles(row.at),
    decodeDoubles(row.mins),
    decodeDoubles(row.maxs),
  ];
  return decodeDoubles(row.means).map((mean, i) => ({
    minStep: minSteps[i]!,
    maxStep: maxSteps[i] ?? minSteps[i]!,
    at: at[i]!,
    mean,
    min: mins[i] ?? mean,
    max: maxs[i] ?? mean,
    count,
  }));
}

/** Buckets to append to a level of a series. */
export interface Append {
  name: string;
  /** How many buckets the level has already. */
  offset: number;
  buckets: readonly Bucket[];
}

/** Appends buckets to a level of several series in one statement, and rolls chunks that became full up into the next. */
export async function appendBuckets(
  db: Statements,
  ref: AttemptRef,
  level: number,
  items: readonly Append[],
): Promise<void> {
  const parts: ChunkParts = {
    names: [],
    chunks: [],
    firsts: [],
    lasts: [],
    minSteps: [],
    at: [],
    means: [],
    maxSteps: [],
    mins: [],
    maxs: [],
  };
  const full: FullChunk[] = [];
  for (const { name, offset, buckets } of items) {
    for (let from = 0; from < buckets.length;) {
      const chunk = Math.floor((offset + from) / CHUNK_SIZE);
      const begin = from;
      const end = Math.min(buckets.length, (chunk + 1) * CHUNK_SIZE - offset);
      parts.names.push(name);
      parts.chunks.push(chunk);
      parts.firsts.push(parts.means.length + 1);
      for (; from < end; from++) {
        const bucket = buckets[from]!;
        parts.minSteps.push(bucket.minStep);
        parts.at.push(bucket.at);
        parts.means.push(bucket.mean);
        if (level === 0) continue;
        parts.maxSteps.push(bucket.maxStep);
        parts.mins.push(bucket.min);
        parts.maxs.push(bucket.max);
      }
      parts.lasts.push(parts.means.length);
      if ((offset + from) % CHUNK_SIZE === 0)
        full.push({
          name,
          chunk,
          buckets: from - begin === CHUNK_SIZE ? buckets.slice(begin, from) : null,
        });
    }
  }
  await appendToChunks(db, ref, level, parts);
  if (full.length === 0) return;
  const next = new Map<string, Append & { buckets: Bucket[] }>();
  for (const { name, chunk, buckets } of await readFullChunks(db, ref, level, full)) {
    const rolled = rollUp(buckets);
    const item = next.get(name);
    if (item) item.buckets.push(...rolled);
    else next.set(name, { name, offset: (chunk * CHUNK_SIZE) / 2, buckets: rolled });
  }
  await appendBuckets(db, ref, level + 1, [...next.values()]);
}

/** A chunk of a series that became full; `buckets`: null where some of them were stored before. */
interface FullChunk {
  name: string;
  chunk: number;
  buckets: readonly Bucket[] | null;
}

/** The buckets of chunks, in their order; only those that are not at hand are read. */
async function readFullChunks(
  db: Statements,
  ref: AttemptRef,
  level: number,
  chunks: readonly FullChunk[],
): Promise<{ name: string; chunk: number; buckets: readonly Bucket[] }[]> {
  const missing = chunks.flatMap(({ name, chunk, buckets }) =>
    buckets === null ? [{ ...ref, name, level, first: chunk, last: chunk }] : [],
  );
  const rows = missing.length === 0 ? [] : await selectChunks(db, missing);
  const read = new Map(rows.map((row) => [`${row.chunk} ${row.name}`, row]));
  return chunks.flatMap(({ name, chunk, buckets }) => {
    const row = read.get(`${chunk} ${name}`);
    const all = buckets ?? (row ? toBuckets(row) : null);
    return all === null ? [] : [{ name, chunk, buckets: all }];
  });
}

/** What one attempt stored of a series. */
export interface StoredPart extends AttemptRef {
  name: string;
  /** Points that lie in chunks; those behind them are in the tail. */
  compacted: number;
  tail: readonly Bucket[];
  firstStep: number;
  lastStep: number;
  lastValue: number;
  lastAt: Date;
  /** Null: not known, of a series from before they were kept. */
  minValue: number | null;
  maxValue: number | null;
  /** Last step that survives. */
  cut: number;
}

/** Steps, both ends included. */
export interface StepRange {
  from: number;
  to: number;
}

/**
 * The surviving buckets of each part within a range of steps, coarse enough for about `limit` of them. A bucket that
 * straddles the cut is replaced by its own points, so that nothing beyond the cut shows through.
 */
export async function readBuckets(
  db: Statements,
  parts: readonly StoredPart[],
  limit: number,
  range: StepRange | null,
): Promise<Map<StoredPart, Bucket[]>> {
  const found = new Map<StoredPart, Bucket[]>();
  let open = parts.map((part) => ({ part, level: chooseLevel(countPoints(part, range), limit) }));
  while (open.length > 0) {
    const rows = await selectChunks(
      db,
      open.flatMap(({ part: { runId, attempt, name, compacted }, level }) =>
        listChunks(compacted, level).map((chunks) => ({ runId, attempt, name, ...chunks })),
      ),
      range,
    );
    const bySeries = groupBy(rows, getSeriesKey);
    const coarse: typeof open = [];
    for (const { part, level } of open) {
      const chunks = bySeries.get(getSeriesKey(part)) ?? [];
      const buckets = await cutBuckets(db, part, chunks);
      for (const bucket of part.tail) if (bucket.maxStep <= part.cut) buckets.push(bucket);
      const inside = range ? buckets.filter((bucket) => reachesInto(bucket, range)) : buckets;
      found.set(part, inside);
      // Steps may lie denser elsewhere than here, so that the level was chosen too coarse.
      if (range && level > 0 && 2 * inside.length <= limit)
        coarse.push({
          part,
          level: Math.max(0, level - Math.floor(Math.log2(limit / Math.max(1, inside.length)))),
        });
    }
    open = coarse;
  }
  return found;
}

export const getSeriesKey = ({ runId, attempt, name }: AttemptRef & { name: string }): string =>
  `${runId} ${attempt} ${name}`;

const reachesInto = ({ minStep, maxStep }: Bucket, { from, to }: StepRange): boolean =>
  minStep <= to && maxStep >= from;

/** About how many points of a part lie in a range, as if they were spread evenly. */
function countPoints(
  { compacted, tail, firstStep, lastStep }: StoredPart,
  range: StepRange | null,
): number {
  const points = compacted + tail.length;
  if (!range || lastStep <= firstStep) return points;
  const inside = Math.min(lastStep, range.to) - Math.max(firstStep, range.from) + 1;
  return (points * Math.max(0, inside)) / (lastStep - firstStep + 1);
}

async function cutBuckets(
  db: Statements,
  part: StoredPart,
  chunks: readonly MetricChunk[],
): Promise<Bucket[]> {
  const kept: Bucket[] = [];
  for (const row of chunks)
    for (const [i, bucket] of toBuckets(row).entries()) {
      if (bucket.maxStep <= part.cut) kept.push(bucket);
      else if (bucket.minStep <= part.cut)
        kept.push(
          ...(await readPoints(
            db,
            part,
            (row.chunk * CHUNK_SIZE + i) * bucket.count,
            bucket.count,
          )),
        );
    }
  return kept;
}

/** The surviving ones of the points `from` .. `from + count` of a series that lie in chunks, in order of arrival. */
export async function readPoints(
  db: Statements,
  { runId, attempt, name, cut }: StoredPart,
  from: number,
  count: number,
): Promise<Bucket[]> {
  const first = Math.floor(from / CHUNK_SIZE);
  const last = Math.floor((from + count - 1) / CHUNK_SIZE);
  const rows = await selectChunks(db, [{ runId, attempt, name, level: 0, first, last }]);
  return rows
    .flatMap(toBuckets)
    .slice(from - first * CHUNK_SIZE, from - first * CHUNK_SIZE + count)
    .filter((point) => point.maxStep <= cut);
}
