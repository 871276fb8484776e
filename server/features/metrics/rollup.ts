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
  for (const bucket of buckets.slice(1)) {
    const count = joined.count + bucket.count;
    // Moves the mean towards the new one, which stays finite where a sum would not.
    joined.mean += (bucket.mean - joined.mean) * (bucket.count / count);
    joined.count = count;
    joined.minStep = Math.min(joined.minStep, bucket.minStep);
    joined.maxStep = Math.max(joined.maxStep, bucket.maxStep);
    joined.min = Math.min(joined.min, bucket.min);
    joined.max = Math.max(joined.max, bucket.max);
    joined.at = bucket.at;
  }
  return joined;
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
  const groups: Bucket[][] = Array.from({ length: limit }, () => []);
  let before = 0;
  for (const bucket of buckets) {
    const middle = before + bucket.count / 2;
    groups[Math.min(limit - 1, Math.floor((middle / total) * limit))]?.push(bucket);
    before += bucket.count;
  }
  return groups.filter((group) => group.length > 0).map(mergeBuckets);
}

/** Lowest level whose buckets, for so many points, are at most `limit`. */
export function chooseLevel(points: number, limit: number): number {
  let level = 0;
  while (points / 2 ** level > limit) level++;
  return level;
}
