import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import {
  computeLogAxis,
  computeValueAxis,
  computeXTicks,
  countTickDigits,
  findNeighbour,
  findXAtShare,
  formatX,
  fromShare,
  scaleZoom,
  toShare,
  trimOutliers,
} from "./axes";

const t = createText("en", {});

describe("value axes", () => {
  it("keep shares on 0..1, unless a value lies outside", () => {
    expect(computeValueAxis([0.4, 0.5], "share").domain).toEqual([0, 1]);
    expect(computeValueAxis([-0.2, 0.5], "share").domain).toEqual([-0.5, 1]);
  });
  it("have round ends that hold every value, and a few ticks", () => {
    expect(computeValueAxis([0.3, 2.1], "positive").ticks).toEqual([0, 1, 2, 3]);
    expect(computeValueAxis([0], "positive").domain).toEqual([0, 1]);
    for (const values of [
      [3, 3],
      [0.3701, 0.3709],
      [-4e-7, 9e-6],
      [12_400, 90_000],
      [-7, -3],
    ]) {
      const { domain, ticks } = computeValueAxis(values, "free");
      expect(domain[0]).toBeLessThanOrEqual(Math.min(...values));
      expect(domain[1]).toBeGreaterThanOrEqual(Math.max(...values));
      expect(ticks.length).toBeGreaterThanOrEqual(3);
      expect(ticks.length).toBeLessThanOrEqual(7);
    }
  });
  it("know how many digits their ticks need", () => {
    expect([20, 1, 0.5, 0.25, 0.0002].map(countTickDigits)).toEqual([0, 0, 1, 2, 4]);
  });
});

describe("logarithmic axes", () => {
  it("hold the values above 0, with ticks at powers of ten or finer ones", () => {
    expect(computeLogAxis([0, -3])).toBeNull();
    expect(computeLogAxis([0, 1e-4, 1])).toMatchObject({ domain: [1e-4, 1], log: true });
    expect(computeLogAxis([1e-4, 1])!.ticks).toEqual([1e-4, 1e-3, 1e-2, 0.1, 1]);
    expect(computeLogAxis([2, 30])!.ticks).toEqual([2, 5, 10, 20]);
    expect(computeLogAxis([1e-30, 1])!.ticks.length).toBeLessThanOrEqual(7);
  });
  it("map values to places and back", () => {
    const axis = { domain: [1, 10_000] as const, ticks: [], log: true };
    expect(toShare(axis, 100)).toBeCloseTo(0.5);
    expect(fromShare(axis, 0.5)).toBeCloseTo(100);
    expect(toShare(axis, 0)).toBe(-Infinity);
  });
});

describe("an axis without outliers", () => {
  it("holds the middle of the values", () => {
    const values = Array.from({ length: 100 }, (_, i) => i / 100);
    expect(Math.max(...trimOutliers([...values, 1e6]))).toBe(0.99);
    expect(trimOutliers(values), "nothing stands out").toHaveLength(100);
    expect(trimOutliers([1, 2, 1e6]), "too few to tell").toHaveLength(3);
  });
});

describe("the horizontal axis", () => {
  it("has whole-numbered ticks, never more than asked for and one", () => {
    expect(computeXTicks(0, 20)).toEqual([0, 5, 10, 15, 20]);
    expect(computeXTicks(0, 2)).toEqual([0, 1, 2]);
    expect(computeXTicks(0, 0)).toEqual([0]);
    for (const to of [3, 7, 19, 101, 999, 100_000])
      expect(computeXTicks(0, to).length).toBeLessThanOrEqual(7);
  });
  it("has ticks at whole minutes and hours", () => {
    expect(computeXTicks(0, 300, "time")).toEqual([0, 60, 120, 180, 240, 300]);
    expect(computeXTicks(0, 7200, "time")).toEqual([0, 1800, 3600, 5400, 7200]);
  });
  it("says where it is", () => {
    expect(formatX(t, "step", 1200)).toBe("step 1,200");
    expect(formatX(t, "step", 3, "batch")).toBe("batch 3");
    expect(formatX(t, "time", 245)).toBe("4 m 05 s");
    expect(formatX(t, "tokens", 1200)).toBe("1,200 tokens");
  });
  it("is zoomed around a place, and shows all when nothing is left out", () => {
    const axis = { domain: [0, 100] as const, ticks: [], log: false };
    expect(scaleZoom(axis, [0, 100], 20, 0.5)).toEqual([10, 60]);
    expect(scaleZoom({ ...axis, domain: [10, 60] }, [0, 80], 20, 3)).toBeNull();
  });
});

describe("the hovered place", () => {
  const steps = [0, 2, 3, 10];
  const axis = { domain: [0, 10] as const, ticks: [], log: false };

  it("is that of the nearest point to the pointer, and none beside the axis", () => {
    const find = (share: number) => findXAtShare(steps, axis, share);
    expect([0, 0.09, 0.26, 0.64, 0.66, 1].map(find)).toEqual([0, 0, 3, 3, 10, 10]);
    expect([-0.01, 1.01].map(find), "a little beside it").toEqual([0, 10]);
    expect([-0.03, 1.03].map(find)).toEqual([null, null]);
    expect(findXAtShare([], axis, 0.5)).toBeNull();
  });

  it("moves along the points, begins at an end, and stops at the ends", () => {
    expect(findNeighbour(steps, null, 1)).toBe(0);
    expect(findNeighbour(steps, null, -1)).toBe(10);
    expect(findNeighbour(steps, 2, 1)).toBe(3);
    expect(findNeighbour(steps, 10, 1)).toBe(10);
    expect(findNeighbour(steps, 0, -Infinity)).toBe(0);
    expect(findNeighbour(steps, 3, Infinity)).toBe(10);
    expect(findNeighbour(steps, 7, -1), "from a step that this series does not have").toBe(3);
    expect(findNeighbour([], null, 1)).toBeNull();
  });
});
