import { describe, expect, it } from "vitest";
import { formatSort, getNextSort, readSort, sortRows } from "@/app/_lib/format/table-sort";
import { getRunValue } from "./table-rows";

describe("the sort of a sweep's table", () => {
  it("falls, rises, and goes back to the sweep's order", () => {
    const first = getNextSort(null, "rl.steps");
    const second = getNextSort(first, "rl.steps");
    expect([first, second, getNextSort(second, "rl.steps")]).toEqual([
      { column: "rl.steps", descending: true },
      { column: "rl.steps", descending: false },
      null,
    ]);
    expect(getNextSort(second, "seed")).toEqual({ column: "seed", descending: true });
    for (const sort of [first!, second!]) expect(readSort(formatSort(sort))).toEqual(sort);
  });

  it("puts what is missing last either way, numbers by size and texts by the alphabet", () => {
    const rows = [3, undefined, 10, 2];
    expect(sortRows(rows, { column: "x", descending: true }, (row) => row)).toEqual([
      10,
      3,
      2,
      undefined,
    ]);
    expect(sortRows(rows, { column: "x", descending: false }, (row) => row)).toEqual([
      2,
      3,
      10,
      undefined,
    ]);
    expect(sortRows(["ppo", "grpo"], { column: "x", descending: false }, (row) => row)).toEqual([
      "grpo",
      "ppo",
    ]);
    expect(sortRows(rows, null, (row) => row)).toEqual(rows);
  });

  it("reads a run's columns", () => {
    const run = {
      id: "",
      name: "",
      row: 0,
      seed: 4,
      state: "succeeded" as const,
      varied: { "rl.steps": 2 },
      progress: null,
      startedAt: new Date(0),
      endedAt: new Date(2000),
      error: null,
      results: [{ last: 0.5, lastStep: 2, best: 0.75, bestStep: 1 }],
    };
    expect(
      ["rl.steps", "seed", "state", "seconds", "last a/b", "best a/b", "last c"].map((column) =>
        getRunValue(run, column, ["a/b"]),
      ),
    ).toEqual([2, 4, "succeeded", 2, 0.5, 0.75, undefined]);
  });
});
