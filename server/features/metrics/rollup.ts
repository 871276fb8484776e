import { chunk } from "@/lib/chunk";

/**
 * Rollups of a series at powers of two. A bucket of level k stands for 2^k consecutive points; level 0 holds the points
 * themselves, in chunks of CHUNK. A full chunk is rolled up into the next level, so every point lies in exactly one of:
 * a bucket of level k, or the chunk that is still open on a level below k.
 */
export const CHUNK_SIZE = 512;

export interface Bucket {
  minStep: number;
  maxStep: number;
  /** Milliseconds since the epoch, of the last point. */
  at: number;
  mean: number;
  min: number;
  max: number;
  count: number;
}

export interface Point {
  step: number;
  value: number;
  at: number;
}

export const toBucket = (point: Point): Bucket => ({
  minStep: point.step,
  maxStep: point.step,
  at: point.at,
  mean: point.value,
  min: point.value,
  max: point.value,
  count: 1,
});

/** Joins neighbouring buckets; their extremes survive and the mean is weighted by the count. */
export function mergeBuckets(buckets: readonly Bucket[]): Bucket {
  const [first] = buckets;
  if (!first) throw new RangeError("nothing to join");
  const joined = { ...first };
  for (let i = 1; i < buckets.length; i++) joinNext(joined, buckets[i]!);
  return joined;
}

/** Makes `joined` stand for its neighbour, too. */
function joinNext(joined: Bucket, next: Bucket): void {
  joined.count += next.count;
  // Moves the mean towards the new one, which stays finite where a sum would not.
  joined.mean += (next.mean - joined.mean) * (next.count / joined.count);
  joined.minStep = Math.min(joined.minStep, next.minStep);
  joined.maxStep = Math.max(joined.maxStep, next.maxStep);
  joined.min = Math.min(joined.min, next.min);
  joined.max = Math.max(joined.max, next.max);
  joined.at = next.at;
}

/** Joins buckets in pairs: the next level of a full chunk. */
export function rollUp(buckets: readonly Bucket[]): Bucket[] {
  return chunk(buckets, 2).map(mergeBuckets);
}

/** At most `limit` buckets of about the same number of points, in order; those that fit are returned as they are. */
export function downsample(buckets: readonly Bucket[], limit: number): Bucket[] {
  if (limit < 1) throw new RangeError("limit must be at least 1");
  if (buckets.length <= limit) return [...buckets];
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  const fitted: Bucket[] = [];
  let before = 0;
  let last = -1;
  for (const bucket of buckets) {
    const group = Math.min(limit - 1, Math.floor(((before + bucket.count / 2) / total) * limit));
    before += bucket.count;
    if (group === last) joinNext(fitted[fitted.length - 1]!, bucket);
    else fitted.push({ ...bucket });
    last = group;
  }
  return fitted;
}

/** Lowest level whose buckets, for so many points, are at most `limit`. */
export function chooseLevel(points: number, limit: number): number {
  let level = 0;
  while (points / 2 ** level > limit) level++;
  return level;
}

/** Chunks that hold a series of `points` points between them, each point once, on a level and the open ones below it. */
export function listChunks(
  points: number,
  level: number,
): { level: number; first: number; last: number }[] {
  const ranges = [];
  for (let below = 0, size = points; below <= level; below++) {
    const full = Math.floor(size / CHUNK_SIZE);
    const isOpen = size % CHUNK_SIZE > 0;
    if (below === level && size > 0)
      ranges.push({ level, first: 0, last: isOpen ? full : full - 1 });
    else if (isOpen) ranges.push({ level: below, first: full, last: full });
    size = (full * CHUNK_SIZE) / 2;
  }
  return ranges;
}
