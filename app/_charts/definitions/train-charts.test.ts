import { describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { selectTrainCharts, splitEmptyCharts } from "./train-charts";

const config = trainConfigSchema.parse({ kind: "train", name: "t" });

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
