import { describe, expect, it } from "vitest";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { buildRunLines } from "@/app/_charts/prepare/run-lines";
import { chooseMetrics, groupRuns, listLineGroups, type Grouping } from "./overlay";

const create = (id: string, seed: number, steps: number): ComparedRun =>
  ({
    id,
    name: `run ${id}`,
    kind: "train",
    config: { kind: "train", name: id, seed, rl: { steps } },
    metrics: {
      "reward/mean": { last: 1, least: 0, greatest: 1 },
      other: { last: 1, least: 0, greatest: 1 },
    },
  }) as unknown as ComparedRun;
const at = (step: number, value: number) => ({
  step,
  value,
  at: 0,
  min: value,
  max: value,
  count: 1,
});

describe("the overlay of runs", () => {
  const runs = [create("a", 1, 10), create("b", 2, 10), create("c", 1, 20)];
  const series = {
    a: { m: [at(1, 0), at(2, 2)] },
    b: { m: [at(1, 2), at(2, 4)] },
    c: { m: [at(1, 9)] },
  };

  const build = (of: readonly ComparedRun[], grouping: Grouping) =>
    buildRunLines({
      metric: "m",
      groups: listLineGroups(of, groupRuns(of, grouping)),
      series,
      xKind: "step",
      tracks: {},
    });

  it("draws a run's own points, and the mean of runs with their interval", () => {
    const grouped = build(runs, "config");
    expect(grouped.map(({ label }) => label)).toEqual(["steps 10", "steps 20"]);
    expect(grouped[0]!.points).toMatchObject([
      { step: 1, value: 1, n: 2 },
      { step: 2, value: 3, n: 2 },
    ]);
    expect(grouped[0]!.points[0]!.band).not.toBeNull();
    expect(build(runs, "each")).toHaveLength(3);
  });

  it("gives a group the same curve whatever else is shown", () => {
    const some = runs.slice(0, 2);
    const [alone] = build(some, "config");
    const [among] = build(runs, "config");
    expect(alone!.points).toEqual(among!.points);
  });

  it("tells runs of one name apart by their short ids", () => {
    const named = ["0123456789", "abcdefghij", "other"].map((id) => ({
      ...create(id, 1, 10),
      name: id === "other" ? "third" : "same",
    }));
    expect(groupRuns(named, "each").map(({ label }) => label)).toEqual([
      "same 01234567",
      "same abcdefgh",
      "third",
    ]);
  });

  it("begins with metrics that the runs have", () => {
    expect(chooseMetrics(runs)).toEqual(["reward/mean"]);
  });

  it("begins with what most runs of other trainers reported, outcomes first", () => {
    const reported = (id: string, ...names: string[]): ComparedRun => ({
      ...create(id, 1, 1),
      kind: "external",
      metrics: Object.fromEntries(names.map((name) => [name, { last: 1, least: 0, greatest: 1 }])),
    });
    const verl = reported("v", "actor/lr", "critic/score/mean", "perf/mfu");
    const trl = reported("t", "actor/lr", "critic/score/mean", "train/loss");
    expect(chooseMetrics([verl, trl])).toEqual([
      "critic/score/mean",
      "actor/lr",
      "perf/mfu",
      "train/loss",
    ]);
    const many = reported("m", ...Array.from({ length: 9 }, (_, i) => `m${i}`));
    expect(chooseMetrics([many])).toHaveLength(6);
    // Beside a run of this product each has its curves.
    expect(chooseMetrics([runs[0]!, many])).toEqual(["reward/mean", "m0", "m1", "m2"]);
    // Nothing is added for a run that is seen already.
    expect(chooseMetrics([runs[0]!, reported("r", "reward/mean", "x")])).toEqual(["reward/mean"]);
  });
});
