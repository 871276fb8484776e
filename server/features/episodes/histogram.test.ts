import { describe, expect, it } from "vitest";
import { chooseEdges, countBars } from "./histogram";

describe("bars of a measure", () => {
  it("count each value from an edge to below the next, in order, without empty bars", () => {
    expect(countBars([0, 0.5, 1, 1.5], [1, 0, 0.49, 0.5, 1.25], [3, 2, 1, 4, 5])).toEqual([
      { bar: 0, count: 3 },
      { bar: 1, count: 4 },
      { bar: 2, count: 8 },
    ]);
  });

  it("lose no value between the edges that are chosen for them", () => {
    const values = [-1, -0.3, 0, 0.1, 0.7, 2];
    const bars = countBars(
      chooseEdges(-1, 2, false),
      values,
      values.map((_, i) => i + 1),
    );
    expect(bars.every(({ bar }) => bar >= 0)).toBe(true);
    expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(21);
  });
});
