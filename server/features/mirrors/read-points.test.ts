import { expect, it } from "vitest";
import type { StoredPart } from "@/server/features/metrics/metric-chunks";
import { collectUnsent, type ReadChunked, type Sent } from "./read-points";

const bucket = (step: number) => ({
  minStep: step,
  maxStep: step,
  at: 1_000 * step,
  mean: step,
  min: step,
  max: step,
  count: 1,
});

/** A series whose points lie in chunks but for the last few. */
function buildPart(attempt: number, name: string, steps: readonly number[], tail = 3) {
  const part: StoredPart = {
    runId: "run",
    attempt,
    name,
    compacted: steps.length - tail,
    tail: steps.slice(steps.length - tail).map(bucket),
    firstStep: Math.min(...steps),
    lastStep: Math.max(...steps),
    lastValue: 0,
    lastAt: new Date(0),
    minValue: null,
    maxValue: null,
    cut: attempt === 1 ? 150 : Infinity,
  };
  return { part, steps };
}

const range = (first: number, last: number, by = 1): number[] =>
  Array.from({ length: Math.floor((last - first) / by) + 1 }, (_, i) => first + by * i);

const SERIES = [
  buildPart(1, "reward/mean", range(1, 200)),
  buildPart(1, "cold-start/loss", range(1, 40)),
  buildPart(2, "actor/pg_loss", range(151, 400)),
  buildPart(2, "held-out/accuracy", range(160, 400, 10)),
  buildPart(2, "reward/mean", range(151, 399)),
  // Many points of one step.
  buildPart(2, "rollout/tokens", [
    ...range(151, 200),
    ...Array.from({ length: 90 }, () => 201),
    ...range(202, 400),
  ]),
];
const PARTS = SERIES.map(({ part }) => part);

/** Reads until nothing is left. */
async function readAll(most: number, holdBack = false) {
  let sent: Sent = {};
  const points: string[] = [];
  const reads: number[] = [];
  const collected: number[] = [];
  for (;;) {
    let read = 0;
    const readChunked: ReadChunked = (part, from, count) => {
      read += count;
      const { steps } = SERIES.find(
        (series) => series.part.name === part.name && series.part.attempt === part.attempt,
      )!;
      return Promise.resolve(steps.slice(from, from + count).map(bucket));
    };
    const unsent = await collectUnsent(PARTS, readChunked, sent, holdBack, most);
    reads.push(read);
    collected.push(unsent.parts.reduce((sum, part) => sum + part.points.length, 0));
    for (const part of unsent.parts)
      points.push(...part.points.map(({ name, step }) => `${name} ${step}`));
    sent = unsent.parts.at(-1)?.sent ?? sent;
    if (!unsent.more) return { points, sent, reads, collected };
  }
}

it.each([false, true])(
  "reads so many points at once, and the same ones in the same order (held back: %s)",
  async (holdBack) => {
    const whole = await readAll(Infinity, holdBack);
    expect(whole.reads).toHaveLength(1);
    expect(whole.points).toContain("reward/mean 150");
    const pieces = await readAll(100, holdBack);
    expect(pieces.reads.length).toBeGreaterThan(5);
    expect(Math.max(...pieces.collected)).toBeLessThanOrEqual(400);
    expect(pieces.points).toEqual(whole.points);
    expect(pieces.sent).toEqual(whole.sent);
    expect(whole.points.includes("actor/pg_loss 400")).toBe(!holdBack);
  },
);

it("holds no more than it may of long series", async () => {
  const part = buildPart(1, "reward/mean", range(1, 100_000), 0);
  const read: number[] = [];
  const unsent = await collectUnsent(
    [{ ...part.part, cut: Infinity }],
    (_part, from, count) => {
      read.push(count);
      return Promise.resolve(part.steps.slice(from, from + count).map(bucket));
    },
    {},
    false,
  );
  expect(read).toEqual([50_000]);
  expect(unsent.more).toBe(true);
  expect(unsent.parts.at(-1)!.sent).toEqual({ "1 reward/mean": [49_999, 49_999] });
});
