import { expect, it } from "vitest";
import { computeBreakdown } from "./breakdown";

it("makes quadrants that add up to all episodes", () => {
  const { quadrants } = computeBreakdown({ all: 100, correct: 60, wrong: 40, gained: 25, lost: 5 });
  expect(quadrants.map((p) => [p.label, p.count])).toEqual([
    ["Both right", 35],
    ["Gained", 25],
    ["Lost", 5],
    ["Both wrong", 35],
  ]);
});
