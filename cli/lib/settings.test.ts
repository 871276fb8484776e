import { describe, expect, it } from "vitest";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { listSettingPaths } from "@/core/run/settings";
import { applySettings } from "./settings";

const train = findPreset("atlas-smollm2-grpo")!.config;

describe("applySettings", () => {
  it("sets nested values, as JSON where they are, and leaves the preset alone", () => {
    const before = structuredClone(train);
    const config = applySettings(train, [
      "rl.steps=2",
      "name=Trial one",
      "retriever.variant=int8",
      "search.skipSeen=true",
    ]);
    expect(runConfigSchema.parse(config)).toMatchObject({
      name: "Trial one",
      rl: { steps: 2, groupSize: 4 },
      retriever: { variant: "int8" },
      search: { skipSeen: true },
    });
    expect(train).toEqual(before);
  });

  it("starts another kind of a group with that kind's defaults", () => {
    const config = applySettings(train, ["retriever.k1=1.2", "retriever.kind=bm25"]);
    expect(runConfigSchema.parse(config)).toMatchObject({
      retriever: { kind: "bm25", k1: 1.2, b: 0.4 },
    });
    expect(applySettings(train, ["retriever.kind=dense"])).toEqual(train);
  });

  it("knows train.* as rl.*", () =>
    expect(applySettings(train, ["train.steps=2"])).toMatchObject({ rl: { steps: 2 } }));

  it("names the settings near to an unknown one", () => {
    expect(() => applySettings(train, ["rl.step=2"])).toThrow(/no setting "rl\.step".*rl\.steps/);
    expect(() => applySettings(train, ["groupsize=2"])).toThrow(/rl\.groupSize/);
    expect(() => applySettings(train, ["rl.steps"])).toThrow(/path=value/);
  });

  it("finds every setting of a kind", () => {
    expect(listSettingPaths("train")).toEqual(
      expect.arrayContaining([
        "seed",
        "searcher.adapter.rank",
        "retriever.url",
        "retriever.variant",
        "generator.endpoint",
      ]),
    );
    expect(listSettingPaths("predict")).toContain("limit");
  });
});
