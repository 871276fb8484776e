import { describe, expect, it } from "vitest";
import { presetById } from "@/contracts/presets";
import { runConfig } from "@/contracts/run-config";
import { applySettings, settingPaths } from "./settings";

const train = presetById("atlas-smollm2")!.config;

describe("applySettings", () => {
  it("sets nested values, as JSON where they are, and leaves the preset alone", () => {
    const config = applySettings(train, ["rl.steps=2", "name=Trial one", "retriever.variant=fp32", "search.skipSeen=false"]);
    expect(runConfig.parse(config)).toMatchObject({ name: "Trial one", rl: { steps: 2, groupSize: 4 }, retriever: { variant: "fp32" }, search: { skipSeen: false } });
    expect(train).toMatchObject({ rl: { steps: 20 } });
  });

  it("knows train.* as rl.*", () => expect(applySettings(train, ["train.steps=2"])).toMatchObject({ rl: { steps: 2 } }));

  it("names the settings near to an unknown one", () => {
    expect(() => applySettings(train, ["rl.step=2"])).toThrow(/no setting "rl\.step".*rl\.steps/);
    expect(() => applySettings(train, ["groupsize=2"])).toThrow(/rl\.groupSize/);
    expect(() => applySettings(train, ["rl.steps"])).toThrow(/path=value/);
  });

  it("finds every setting of a kind", () => {
    expect(settingPaths("train")).toEqual(expect.arrayContaining(["seed", "searcher.adapter.rank", "retriever.url", "retriever.variant", "generator.endpoint"]));
    expect(settingPaths("predict")).toContain("limit");
  });
});
