import { describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { hideUnreported, selectTrainCharts, splitEmptyCharts } from "./train-charts";

const config = trainConfigSchema.parse({ kind: "train", name: "t" });

describe("charts of key metrics", () => {
  const listKeyCharts = (algorithm: string) =>
    selectTrainCharts(trainConfigSchema.parse({ kind: "train", name: "t", rl: { algorithm } }))[0];

  it("stand first, in the order of those metrics", () => {
    expect(listKeyCharts("grpo")).toMatchObject({ title: "Key metrics" });
    expect(listKeyCharts("grpo")?.charts.map(({ id }) => id)).toEqual([
      "reward",
      "quadrants",
      "recall",
      "effort",
      "format",
      "variance",
      "kl",
      "entropy",
      "gradient",
      "length",
      "time",
    ]);
  });

  it("are those of the critic too where there is one", () => {
    expect(listKeyCharts("ppo")?.charts.map(({ id }) => id)).toContain("explained-variance");
  });
});

describe("charts without a point", () => {
  const groups = selectTrainCharts(config);
  const all = groups.flatMap(({ charts }) => charts.map(({ id }) => id));

  it("stand apart, and every chart stands in one place", () => {
    const { groups: shown, empty } = splitEmptyCharts(groups, new Set(["reward/mean"]));
    const shownIds = shown.flatMap(({ charts }) => charts.map(({ id }) => id));
    expect(shownIds, "one reported curve is enough for its chart").toEqual(["reward"]);
    expect([...shownIds, ...empty.map(({ id }) => id)].sort()).toEqual([...all].sort());
  });

  it("are all of them where nothing was reported", () => {
    const { groups: shown, empty } = splitEmptyCharts(groups, new Set());
    expect(shown).toEqual([]);
    expect(empty.map(({ id }) => id)).toEqual(all);
  });
});

describe("optional charts", () => {
  const listSeries = (reported: string[]) =>
    hideUnreported(selectTrainCharts(config), new Set(reported))
      .flatMap(({ charts }) => charts)
      .filter(({ isOptional }) => isOptional)
      .map(({ id, series }) => [id, series.map(({ metric }) => metric)]);

  it("are left out until a run reports any of them", () => {
    expect(listSeries(["reward/mean"])).toEqual([]);
  });

  it("draw the ranks and machines that there are, and no others", () => {
    const ranks = ["engine/rank_utilisation/0", "engine/rank_utilisation/1"];
    expect(listSeries([...ranks, "system/cpu"])).toEqual([
      ["rank-use-each", ranks],
      ["hardware", ["system/cpu"]],
    ]);
  });
});
