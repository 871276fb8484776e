import type { MetricPoint } from "@/contracts/records/metric-point";
import { hasOwnAxis } from "@/core/run/attempt-lineage";
import { groupBy } from "@/lib/group-by";
import { readPoints, type StoredPart } from "@/server/features/metrics/metric-chunks";
import type { Bucket } from "@/server/features/metrics/rollup";
import { selectHeads } from "@/server/features/metrics/queries";
import { readParts } from "@/server/features/metrics/stored-series";
import type { Queries } from "@/server/platform/db/database";

/** How many points of each attempt's series were sent, and the largest step of them, by "attempt name". */
export type Sent = Readonly<Record<string, readonly [count: number, lastStep: number]>>;

export interface NewPoints {
  /** A later attempt replaced points that were sent. */
  replaced: boolean;
  /** In parts, in the order of attempts and steps, each with what is sent once it is. */
  parts: { points: MetricPoint[]; sent: Sent }[];
  /** There is more to read once these are sent. */
  more: boolean;
  /** Newest report that was looked at. */
  report: number;
}

/** Points in a part; a step more where one goes on. */
const POINTS = 1_000;
/** Points that are read at once, of all series together; more where one step has more. */
const MOST_POINTS = 50_000;

const getKey = ({ attempt, name }: Pick<StoredPart, "attempt" | "name">): string =>
  `${attempt} ${name}`;

/**
 * The surviving points of a run that were not sent yet, the first of them where there are many. Read it in one snapshot
 * of the database.
 *
 * @param holdBack the newest step of the newest attempt is left for later, as more of it may come
 */
export async function readUnsentPoints(
  db: Queries,
  runId: string,
  sent: Sent,
  holdBack: boolean,
): Promise<NewPoints> {
  const heads = await selectHeads(db, [runId]);
  const parts = await readParts(db, heads, null);
  const readChunked: ReadChunked = (part, from, count) => readPoints(db, part, from, count);
  return {
    ...(await collectUnsent(parts, readChunked, sent, holdBack)),
    report: Math.max(0, ...heads.map(({ head }) => head)),
  };
}

/** Points `from` .. `from + count` of a series that lie in chunks. */
export type ReadChunked = (
  part: StoredPart,
  from: number,
  count: number,
) => Promise<Pick<Bucket, "maxStep" | "mean" | "at">[]>;

/**
 * What of a run's series was not sent yet: attempt by attempt and axis by axis, in the order of their steps, about as
 * many points as may be held at once.
 *
 * @param parts in the order of attempts
 * @param most how many points are read before some are sent
 */
export async function collectUnsent(
  parts: readonly StoredPart[],
  readChunked: ReadChunked,
  sent: Sent,
  holdBack: boolean,
  most = MOST_POINTS,
): Promise<Omit<NewPoints, "report">> {
  const newest = Math.max(0, ...parts.map(({ attempt }) => attempt));
  const groups = [...groupBy(parts, ({ attempt, name }) => `${attempt} ${hasOwnAxis(name)}`)]
    .map(([, group]) => ({
      group,
      order: [group[0]!.attempt, hasOwnAxis(group[0]!.name) ? 0 : 1] as const,
      limit:
        holdBack && group[0]!.attempt === newest
          ? Math.max(...group.map(({ lastStep }) => lastStep))
          : Infinity,
    }))
    .toSorted(({ order: a }, { order: b }) => a[0] - b[0] || a[1] - b[1]);
  let after = sent;
  let count = 0;
  let more = false;
  const result: NewPoints["parts"] = [];
  for (const { group, limit } of groups) {
    if (count >= most) {
      more = true;
      break;
    }
    const read = await readGroup(group, readChunked, sent, limit, most - count);
    count += read.unsent.length;
    for (const points of splitAtSteps(read.unsent)) {
      const changed: Record<string, readonly [number, number]> = { ...after };
      for (const { key, alive, point } of points) {
        const [number, lastStep] = changed[key] ?? [0, -1];
        changed[key] = [number + 1, alive ? Math.max(lastStep, point.step) : lastStep];
      }
      after = changed;
      result.push({
        points: points.filter(({ alive }) => alive).map(({ point }) => point),
        sent: after,
      });
    }
    if (read.more) {
      more = true;
      break;
    }
  }
  return {
    replaced: parts.some((part) => (sent[getKey(part)]?.[1] ?? -1) > part.cut),
    parts: result,
    more,
  };
}

/**
 * Unsent points of the series of one attempt that count the same steps. Where they are too many, each series is read in
 * part, and what is given ends before the step at which the first of them breaks off.
 */
async function readGroup(
  group: readonly StoredPart[],
  readChunked: ReadChunked,
  sent: Sent,
  limit: number,
  most: number,
): Promise<{ unsent: Unsent[]; more: boolean }> {
  const open = group
    .map((part) => ({ part, from: sent[getKey(part)]?.[0] ?? 0 }))
    .filter(({ part, from }) => from < part.compacted + part.tail.length);
  for (let each = Math.max(1, Math.floor(most / Math.max(1, open.length))); ; each *= 2) {
    const unsent: Unsent[] = [];
    let end = Infinity;
    for (const { part, from } of open) {
      const chunked = Math.max(0, Math.min(each, part.compacted - from));
      // Points beyond the cut are counted as they come, and not sent.
      const whole = { ...part, cut: Infinity };
      const first = Math.max(0, from - part.compacted);
      const added = [
        ...(chunked > 0 ? await readChunked(whole, from, chunked) : []),
        ...part.tail.slice(first, first + each - chunked),
      ];
      const held = added.findIndex(({ maxStep }) => maxStep >= limit);
      let reached = 0;
      for (const { maxStep, mean, at } of held < 0 ? added : added.slice(0, held)) {
        reached = Math.max(reached, maxStep);
        unsent.push({
          key: getKey(part),
          alive: maxStep <= part.cut,
          reached,
          point: { name: part.name, step: maxStep, value: mean, at },
        });
      }
      if (held < 0 && from + each < part.compacted + part.tail.length) end = Math.min(end, reached);
    }
    if (end === Infinity) return { unsent, more: false };
    const whole = unsent.filter(({ reached }) => reached < end);
    // All that was read may be of one step.
    if (whole.length > 0) return { unsent: whole, more: true };
  }
}

interface Unsent {
  /** Of its series. */
  key: string;
  /** Whether it survives. */
  alive: boolean;
  /** The largest step so far of its series. */
  reached: number;
  point: MetricPoint;
}

/** Splits points step by step into parts of about POINTS; no step is split, and each series keeps its order. */
function splitAtSteps(unsent: readonly Unsent[]): Unsent[][] {
  const sorted = unsent.toSorted((a, b) => a.reached - b.reached);
  const parts: Unsent[][] = [];
  for (const [i, next] of sorted.entries()) {
    const last = parts.at(-1);
    const goesOn = sorted[i - 1]?.reached === next.reached;
    if (last && (goesOn || last.length < POINTS)) last.push(next);
    else parts.push([next]);
  }
  return parts;
}
