import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MetricSeries } from "@/contracts/api/metrics";
import { mergeSeries, toColumns, toEntries, type MetricEntry } from "./columns";

const point = fc
  .record({ step: fc.nat(), at: fc.nat(), value: fc.double({ noNaN: true }) })
  .map((one): MetricEntry => ({ ...one, min: one.value, max: one.value, count: 1 }));
const bucket = fc.record({
  step: fc.nat(),
  at: fc.nat(),
  value: fc.constant(2),
  min: fc.constant(1),
  max: fc.constant(3),
  count: fc.integer({ min: 2, max: 9 }),
});
const answer = (
  whole: boolean,
  series: Record<string, MetricEntry[]>,
  cursor = "1.1",
): MetricSeries => ({
  cursor,
  whole,
  series: Object.fromEntries(
    Object.entries(series).map(([name, entries]) => [name, toColumns(entries)]),
  ),
});

describe("columns", () => {
  it("hold every entry, and only what says something", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(point, bucket)), (entries) => {
        const columns = toColumns(entries);
        expect(toEntries(columns)).toEqual(entries);
        expect(columns.counts === undefined).toBe(entries.every(({ count }) => count === 1));
      }),
    );
  });

  it("come together in order, however they were split", () => {
    fc.assert(
      fc.property(fc.array(bucket), fc.array(fc.array(point), { maxLength: 5 }), (first, later) => {
        const merged = later.reduce(
          (held, points) => mergeSeries(held, answer(false, { loss: points })),
          mergeSeries(undefined, answer(true, { loss: first })),
        );
        expect(toEntries(merged.series.loss!)).toEqual([...first, ...later.flat()]);
      }),
    );
  });

  it("keep what did not change, and give way to a whole answer", () => {
    const [one] = fc.sample(point, 1) as [MetricEntry];
    const held = answer(true, { loss: [one], reward: [one] });
    expect(mergeSeries(held, answer(false, {}))).toBe(held);
    const grown = mergeSeries(held, answer(false, { loss: [one], kl: [one] }, "1.2"));
    expect(grown.cursor).toBe("1.2");
    expect(grown.series.reward).toBe(held.series.reward);
    expect(grown.series.kl?.steps).toHaveLength(1);
    const whole = answer(true, { loss: [one] }, "2.5");
    expect(mergeSeries(grown, whole)).toBe(whole);
  });
});
