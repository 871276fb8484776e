import { expect, it } from "vitest";
import { breakdownOf } from "./breakdown";

const counts = { all: 100, correct: 60, wrong: 40, gained: 25, lost: 5, "never-retrieved": 10, "not-selected": 8, "generator-failed": 20 };
const sum = (parts: { count: number }[]) => parts.reduce((n, p) => n + p.count, 0);

it("makes quadrants and attribution that add up to all episodes", () => {
  const { quadrants, attribution } = breakdownOf(counts);
  expect(sum(quadrants)).toBe(100);
  expect(sum(attribution)).toBe(100);
  expect(attribution.at(-1)).toMatchObject({ label: "Not known", count: 2 });
});

it("has no unknown part where every failure is attributed", () => {
  expect(breakdownOf({ ...counts, "generator-failed": 22 }).attribution.map((p) => p.label)).not.toContain("Not known");
});
