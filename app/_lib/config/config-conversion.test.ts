import { describe, expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { PRESETS } from "@/core/presets/run-presets";
import { getSettingValue } from "@/core/run/setting-values";
import { buildBranchConfig, buildPredictConfig, convertKind } from "./config-conversion";

describe("configurations", () => {
  it("keeps the experiment when the kind changes, there and back", () => {
    const train = runConfigSchema.parse(PRESETS[0]!.config);
    const predict = convertKind(train, "predict");
    expect(runConfigSchema.safeParse(predict).success).toBe(true);
    expect(getSettingValue(predict, "questions")).toBe("atlas/held-out");
    expect(getSettingValue(convertKind(predict, "train"), "search")).toEqual(
      getSettingValue(train, "search"),
    );
  });

  it.each(["search-r1", "r1", "sft"] as const)(
    "trains %s as a predict run of it searches and answers, with what it needs",
    (method) => {
      const predict = runConfigSchema.parse({
        kind: "predict",
        name: "p",
        method,
        search: { decoding: "guided" },
        methodSettings: { retrieve: 5, searches: 2, maxTokens: 99 },
      });
      const train = runConfigSchema.parse(convertKind(predict, "train"));
      expect(train).toMatchObject({
        method,
        search: { retrieve: 5, turns: 2, turnTokens: 99 },
        ...(method === "sft"
          ? { rl: { steps: 0 } }
          : { reward: { weights: { gbr: 0, exactMatch: 1 } } }),
      });
    },
  );

  it("predicts with a checkpoint", () => {
    const id = "6f1cdd4e-4a3c-4f0c-8f43-7a3d0a3f6a11";
    const config = runConfigSchema.parse(
      buildPredictConfig(runConfigSchema.parse(PRESETS[0]!.config), { id, step: 10 }),
    );
    expect(config).toMatchObject({ kind: "predict", method: "s3", searcher: { checkpoint: id } });
  });

  it("branches with the whole state of a checkpoint, or its weights alone, without a second cold start", () => {
    const id = "6f1cdd4e-4a3c-4f0c-8f43-7a3d0a3f6a11";
    const train = trainConfigSchema.parse({ ...PRESETS[0]!.config, name: "first" });
    for (const [state, name, scheduleOffset] of [
      ["all", "first, branch of step 10", 10],
      ["weights", "first, weights of step 10", undefined],
    ] as const) {
      const branch = runConfigSchema.parse(buildBranchConfig(train, { id, step: 10 }, state));
      expect(branch).toMatchObject({
        kind: "train",
        name,
        searcher: { checkpoint: id, checkpointState: state },
        coldStart: { demonstrations: 0 },
      });
      expect(getSettingValue(branch, "rl")).toEqual({ ...train.rl, scheduleOffset });
      const again = { id, step: 4 };
      expect(buildBranchConfig(branch, again, "all")).toMatchObject({
        rl: { scheduleOffset: (scheduleOffset ?? 0) + 4 },
      });
      expect(
        getSettingValue(buildBranchConfig(branch, again, "weights"), "rl.scheduleOffset"),
      ).toBeUndefined();
    }
  });

  it("branches a supervised run with its demonstrations, as it learns from nothing else", () => {
    const sft = runConfigSchema.parse(PRESETS.find(({ id }) => id === "atlas-train-sft")!.config);
    const id = "6f1cdd4e-4a3c-4f0c-8f43-7a3d0a3f6a11";
    expect(runConfigSchema.parse(buildBranchConfig(sft, { id, step: 0 }, "weights"))).toMatchObject(
      { coldStart: { demonstrations: 384 } },
    );
  });
});
