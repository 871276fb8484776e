import { describe, expect, it } from "vitest";
import { drawNumpySample } from "./numpy-random";
import reference from "./testing/numpy_samples.json";

describe("numpy's samples without replacement (numpy_samples.py)", () => {
  it.each(reference.cases)("$size of $total by seed $seed", ({ total, size, seed, rows }) => {
    expect(drawNumpySample(total, size, seed)).toEqual(rows);
  });

  it("as many as upstream draws of a large test set", () => {
    const { total, size, seed, begin, end, sum } = reference.large;
    const rows = drawNumpySample(total, size, seed);
    expect([rows.slice(0, 10), rows.slice(-10), rows.length]).toEqual([begin, end, size]);
    expect(rows.reduce((all, row, i) => all + i * row, 0)).toBe(sum);
  });
});
