import { describe, expect, it } from "vitest";
import { countDue, estimateTimeLeft, estimateTimeLeftOfProgress } from "./time-left";

describe("the time that is left", () => {
  it("adds what is left of each kind of work", () => {
    expect(
      estimateTimeLeft([
        { left: 3, seconds: [10, 10] },
        { left: 2, seconds: [30] },
        { left: 0, seconds: [] },
      ]),
    ).toEqual({ seconds: 90, low: 90, high: 90, isPartial: false });
  });

  it("says that it does not know what was never measured", () => {
    expect(estimateTimeLeft([{ left: 3, seconds: [] }])).toBeNull();
    expect(
      estimateTimeLeft([
        { left: 1, seconds: [5] },
        { left: 1, seconds: [] },
      ]),
    ).toEqual({ seconds: 5, low: null, high: null, isPartial: true });
    expect(estimateTimeLeft([])).toMatchObject({ seconds: 0 });
  });

  it("is less sure of more steps, and of a pace that varies", () => {
    const width = (left: number, seconds: number[]) => {
      const { low, high } = estimateTimeLeft([{ left, seconds }])!;
      return high! - low!;
    };
    expect(width(10, [8, 10, 12])).toBeGreaterThan(width(2, [8, 10, 12]));
    expect(width(2, [5, 10, 15])).toBeGreaterThan(width(2, [8, 10, 12]));
    // t(2) = 2.92 at 5%, s = 2, sqrt(1 + 1/3)
    expect(width(1, [8, 10, 12]) / 2).toBeCloseTo(2.92 * 2 * Math.sqrt(4 / 3), 1);
  });

  it("of something that reports how much is done is what is left at the pace of the last reports", () => {
    const report = (second: number, done: number) => ({ at: second * 1000, done });
    // Two a second, then one: 24 questions in 12 and in 24 seconds, 48 are left.
    const points = [report(0, 24), report(12, 48), report(36, 72)];
    expect(estimateTimeLeftOfProgress(points, 120)).toMatchObject({ seconds: 36 });
    const { low, high } = estimateTimeLeftOfProgress(points, 120)!;
    expect([low! < 36, high! > 36]).toEqual([true, true]);
    // The same count twice is no progress, and its time belongs to the next.
    expect(
      estimateTimeLeftOfProgress([report(0, 0), report(5, 0), report(10, 10)], 20),
    ).toMatchObject({ seconds: 10, low: null });
    // Only the last twenty intervals count.
    const slowStart = [report(-1000, 0), ...Array.from({ length: 21 }, (_, i) => report(i, i + 1))];
    expect(estimateTimeLeftOfProgress(slowStart, 31)).toMatchObject({ seconds: 10 });
    expect(estimateTimeLeftOfProgress(points, 72), "nothing is left").toBeNull();
    expect(estimateTimeLeftOfProgress([report(0, 24)], 120), "no pace is known").toBeNull();
  });

  it("counts what is due after every n steps and at the end", () => {
    expect(countDue(5, 0, 20)).toBe(4);
    expect(countDue(5, 19, 20)).toBe(1);
    expect(countDue(5, 10, 22)).toBe(3);
    expect(countDue(0, 10, 22)).toBe(1);
    expect(countDue(5, 20, 20)).toBe(0);
  });
});
