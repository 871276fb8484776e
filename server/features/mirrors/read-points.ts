import type { MetricPoint } from "@/contracts/worker-protocol/metric-point";
import { hasOwnAxis } from "@/core/run/attempt-lineage";
import { readPoints, type StoredPart } from "@/server/features/metrics/metric-chunks";
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
  /** Newest report that was looked at. */
  report: number;
}

/** Points in a part; a step more where one goes on. */
const POINTS = 1_000;

const getKey = ({ attempt, name }: StoredPart): string => `${attempt} ${name}`;

/**
 * The surviving points of a run that were not sent yet. Read it in one snapshot of the database.
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
  const newest = Math.max(0, ...parts.map(({ attempt }) => attempt));
  const getLimit = (ownAxis: boolean): number =>
    holdBack
      ? Math.max(
          -1,
          ...parts
            .filter((part) => part.attempt === newest && hasOwnAxis(part.name) === ownAxis)
            .map(({ lastStep }) => lastStep),
        )
      : Infinity;
  const limits = { own: getLimit(true), shared: getLimit(false) };
  const unsent: Unsent[] = [];
  for (const part of parts) {
    const count = sent[getKey(part)]?.[0] ?? 0;
    const ownAxis = hasOwnAxis(part.name);
    const limit = part.attempt === newest ? limits[ownAxis ? "own" : "shared"] : Infinity;
    // Points beyond the cut are counted as they come, and not sent.
    const whole = { ...part, cut: Infinity };
    const chunked =
      count < part.compacted ? await readPoints(db, whole, count, part.compacted - count) : [];
    const added = [...chunked, ...part.tail.slice(Math.max(0, count - part.compacted))];
    const held = added.findIndex(({ maxStep }) => maxStep >= limit);
    let reached = 0;
    for (const { maxStep, mean, at } of held < 0 ? added : added.slice(0, held)) {
      reached = Math.max(reached, maxStep);
      unsent.push({
        key: getKey(part),
        alive: maxStep <= part.cut,
        order: [part.attempt, ownAxis ? 0 : 1, reached],
        point: { name: part.name, step: maxStep, value: mean, at },
      });
    }
  }
  let after = sent;
  const result: NewPoints["parts"] = [];
  for (const points of splitAtSteps(unsent)) {
    const changed: Record<string, readonly [number, number]> = { ...after };
    for (const { key, alive, point } of points) {
      const [count, lastStep] = changed[key] ?? [0, -1];
      changed[key] = [count + 1, alive ? Math.max(lastStep, point.step) : lastStep];
    }
    after = changed;
    result.push({
      points: points.filter(({ alive }) => alive).map(({ point }) => point),
      sent: after,
    });
  }
  return {
    replaced: parts.some((part) => (sent[getKey(part)]?.[1] ?? -1) > part.cut),
    parts: result,
    report: Math.max(0, ...heads.map(({ head }) => head)),
  };
}

interface Unsent {
  /** Of its series. */
  key: string;
  /** Whether it survives. */
  alive: boolean;
  /** Attempt, axis, and the largest step so far of its series. */
  order: readonly [attempt: number, axis: number, reached: number];
  point: MetricPoint;
}

/** Splits points step by step into parts of about POINTS; no step is split, and each series keeps its order. */
function splitAtSteps(unsent: readonly Unsent[]): Unsent[][] {
  const sorted = unsent.toSorted(({ order: a }, { order: b }) =>
    a[0] !== b[0] ? a[0] - b[0] : a[1] !== b[1] ? a[1] - b[1] : a[2] - b[2],
  );
  const parts: Unsent[][] = [];
  for (const [i, next] of sorted.entries()) {
    const last = parts.at(-1);
    const goesOn = sorted[i - 1]?.order.every((value, n) => value === next.order[n]);
    if (last && (goesOn || last.length < POINTS)) last.push(next);
    else parts.push([next]);
  }
  return parts;
}
