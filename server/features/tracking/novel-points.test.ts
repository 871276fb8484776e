import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { extendEnds, isBeyond, selectNovel, splitByValue } from "./novel-points";
import type { SeriesEnd } from "./queries";

const pointArbitrary = fc.record({
  name: fc.constantFrom("a", "b"),
  step: fc.integer({ min: 0, max: 4 }),
  at: fc.integer({ min: 0, max: 3 }),
  value: fc.integer({ min: 0, max: 2 }),
});
const write = (point: MetricPoint): string => JSON.stringify(point);

describe("points that are sent", () => {
  it("are stored once each, whatever batches they come in and however often", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(pointArbitrary, { maxLength: 6 }), { maxLength: 8 }),
        (batches) => {
          const stored: MetricPoint[] = [];
          let ends = new Map<string, SeriesEnd>();
          for (const batch of batches) {
            // Only what a point could be is looked up: a point beyond its series' end must not be stored yet.
            const isDoubtful = (point: MetricPoint) => !isBeyond(point, ends.get(point.name));
            for (const point of batch)
              if (!isDoubtful(point)) expect(stored.map(write)).not.toContain(write(point));
            const steps = new Set(batch.filter(isDoubtful).map(({ step }) => step));
            const novel = selectNovel(
              batch,
              stored.filter(({ step }) => steps.has(step)),
            );
            stored.push(...novel);
            ends = new Map([
              ...ends,
              ...extendEnds(ends, novel).map((end) => [end.name, end] as const),
            ]);
          }
          const sent = new Set(batches.flat().map(write));
          expect(stored.map(write).sort()).toEqual([...sent].sort());
          for (const [name, end] of ends) {
            const own = stored.filter((point) => point.name === name);
            const last = own
              .toSorted((a, b) => a.step - b.step || a.at - b.at || a.value - b.value)
              .at(-1);
            expect(end).toMatchObject({ step: last!.step, at: last!.at, value: last!.value });
            expect(end.greatestAt).toBe(Math.max(...own.map(({ at }) => at)));
          }
        },
      ),
    );
  });

  it("are told apart by whether they are numbers; a step that cannot be stored is refused", () => {
    const point = { key: "a", timestamp: 1, step: 1 };
    const { points, odd } = splitByValue([
      { ...point, value: 2 },
      { ...point, value: NaN },
      { ...point, value: -Infinity },
    ]);
    expect(points).toEqual([{ name: "a", step: 1, at: 1, value: 2 }]);
    expect(odd).toHaveLength(2);
    for (const step of [-1, 2 ** 31])
      expect(() => splitByValue([{ ...point, step, value: 1 }])).toThrow(`Step ${step} of "a"`);
  });
});
