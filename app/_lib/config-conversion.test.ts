import { describe, expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { PRESETS } from "@/core/presets/run-presets";
import { getSettingValue } from "@/core/run/settings";
import { buildPredictConfig, convertKind } from "./config-conversion";

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

  it("predicts with a checkpoint", () => {
    const id = "6f1cdd4e-4a3c-4f0c-8f43-7a3d0a3f6a11";
    const config = runConfigSchema.parse(
      buildPredictConfig(runConfigSchema.parse(PRESETS[0]!.config), { id, step: 10 }),
    );
    expect(config).toMatchObject({ kind: "predict", method: "s3", searcher: { checkpoint: id } });
  });
});
