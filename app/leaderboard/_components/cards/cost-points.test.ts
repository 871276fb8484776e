import { expect, it } from "vitest";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { computeAxisTicks, computeCostPoints } from "./cost-points";

const cell = (mean: number, searches: number, rank: number | null = 1) => ({
  mean,
  low: mean - 0.1,
  high: mean + 0.1,
  searches,
  rank,
  costUsd: null,
});
const board = (cells: unknown[]) =>
  ({
    rows: cells.map((c, i) => ({ id: `${i}`, label: `m${i}`, cells: [c] })),
  }) as unknown as Leaderboard;

it("points stand by cost, those on the front marked, incomplete results left out", () => {
  const points = computeCostPoints(
    board([cell(0.6, 2), cell(0.4, 0), cell(0.5, 3), cell(0.9, 1, null), null]),
    0,
    "searches",
  );
  expect(points.map((p) => [p.label, p.onFront])).toEqual([
    ["m1", true],
    ["m0", true],
    ["m2", false],
  ]);
  expect(computeCostPoints(board([cell(0.6, 2)]), 0, "costUsd")).toEqual([]);
});

it("ticks are round and reach beyond the largest value", () => {
  expect(computeAxisTicks(1)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(computeAxisTicks(37)).toEqual([0, 10, 20, 30, 40]);
  expect(computeAxisTicks(0)).toEqual([0, 0.25, 0.5, 0.75, 1]);
});
