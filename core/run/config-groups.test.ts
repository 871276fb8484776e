import { describe, expect, it } from "vitest";
import { flattenConfig, groupConfigs, listChangedPaths } from "./config-groups";

const create = (name: string, seed: number, steps: number, extra: object = {}) => ({
  name,
  config: { kind: "train", name, seed, rl: { steps, clip: 0.2, ...extra } },
});

describe("groups of configurations", () => {
  const runs = [create("a", 1, 10), create("b", 2, 10), create("c", 1, 20)];

  it("holds together what differs in name and seed alone, labelled by what differs between groups", () => {
    expect(groupConfigs(runs, null)).toMatchObject([
      { members: [0, 1], label: "steps 10" },
      { members: [2], label: "steps 20" },
    ]);
    expect(groupConfigs(runs.slice(0, 2), null)).toMatchObject([{ members: [0, 1], label: "a" }]);
  });

  it("groups by a setting; runs without it are a group", () => {
    expect(groupConfigs([...runs, create("d", 3, 5, { kl: 1 })], "rl.kl")).toMatchObject([
      { members: [0, 1, 2], label: "rl.kl = none" },
      { members: [3], label: "rl.kl = 1" },
    ]);
  });

  it("has the value of a setting that is left out, whether it is grouped by or not", () => {
    const left = { ...runs[0]!, leftOut: { "rl.topP": 1 } };
    const given = { ...create("d", 1, 10, { topP: 0.9 }), leftOut: {} };
    for (const [by, labels] of [
      ["rl.topP", ["rl.topP = 1", "rl.topP = 0.9"]],
      [null, ["topP 1", "topP 0.9"]],
    ] as const)
      expect(groupConfigs([left, given], by).map(({ label }) => label)).toEqual(labels);
    const written = { ...create("e", 1, 10, { topP: 1 }), leftOut: {} };
    expect(groupConfigs([left, written], "rl.topP")).toHaveLength(1);
    expect(groupConfigs([left, written], null)).toHaveLength(1);
  });

  it("does not change a group with what else is there", () => {
    const find = (list: typeof runs) =>
      groupConfigs(list, null).map(({ key, members }) => [key, members.map((m) => list[m]!.name)]);
    expect(find(runs)).toEqual(expect.arrayContaining(find(runs.slice(0, 2))));
  });

  it("lists the settings that differ, those that one lacks included", () => {
    const flat = [runs[0]!, create("d", 1, 10, { kl: null })].map(({ config }) =>
      flattenConfig(config),
    );
    expect(listChangedPaths(flat)).toEqual([{ path: "rl.kl", values: [undefined, null] }]);
    expect(listChangedPaths(flat, { all: true }).length).toBeGreaterThan(1);
  });
});
