import { describe, expect, it } from "vitest";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import { findPreset } from "@/core/presets/run-presets";
import { requirementsFor } from "./requirements";

/** Settings of a run that only an engine of the worker's own follows. */
const listLimits = (input: object): string[] | undefined =>
  requirementsFor(runConfigSchema.parse(input)).ownEngine?.map((limit) => limit.split(":")[0]!);

const fits: RunConfigInput = { kind: "train", name: "t" };

describe("what a Tinker service cannot do", () => {
  it("is nothing of a training with the default settings, or of their preset", () => {
    expect(listLimits(fits)).toBeUndefined();
    expect(listLimits(findPreset("atlas-smollm2-tinker")!.config)).toBeUndefined();
  });

  it("is said of each setting, with what to give it", () => {
    expect(
      requirementsFor(runConfigSchema.parse(findPreset("atlas-smollm2")!.config)),
    ).toMatchObject({
      ownEngine: [
        "searcher.adapter.firstLayer: a service adapts all layers, give 0",
        "search.decoding: a service knows no grammars, choose free",
        "rl.algorithm: a service has no critic, choose grpo",
        "rl.klCoefficient: a service compares with no reference, give 0",
        "rl.entropyCoefficient: a service has no entropy bonus, give 0",
      ],
    });
    const full = { searcher: { tuning: "full", adapter: { firstLayer: 3, alpha: 8 } } };
    expect(listLimits({ ...fits, ...full })).toEqual(["searcher.tuning"]);
    expect(listLimits({ ...fits, searcher: { adapter: { alpha: 8 } } })).toEqual([
      "searcher.adapter.alpha",
    ]);
    const sampled = { searcher: { sampler: "vllm" }, rl: { oldLogprobs: "trainer" } };
    expect(listLimits({ ...fits, ...sampled })).toEqual(["searcher.sampler"]);
    expect(listLimits({ ...fits, rl: { algorithm: "gspo" } })).toEqual(["rl.algorithm"]);
    expect(listLimits({ ...fits, rl: { temperature: 0.6 } })).toEqual(["rl.temperature"]);
    expect(listLimits({ ...fits, evaluation: { repetitionPenalty: 1.1 } })).toEqual([
      "evaluation.repetitionPenalty",
    ]);
    expect(listLimits({ ...fits, rl: { topP: 0.9 } })).toEqual([
      "rl.topP, rl.topK, rl.repetitionPenalty",
    ]);
  });

  it("is a KL, wherever it stands", () => {
    for (const klIn of ["loss", "reward"])
      expect(listLimits({ ...fits, rl: { klCoefficient: 0.1, klIn } })).toEqual([
        "rl.klCoefficient",
      ]);
  });

  it("is to go on from weights without their optimiser", () => {
    const checkpoint = "0198c0de-0000-7000-8000-000000000001";
    expect(listLimits({ ...fits, searcher: { checkpoint } })).toEqual(["searcher.checkpointState"]);
    expect(
      listLimits({ ...fits, searcher: { checkpoint, checkpointState: "all" } }),
    ).toBeUndefined();
  });

  it("is guided decoding of a prediction, where the model is at the service", () => {
    const predict = { kind: "predict", name: "p", retriever: { kind: "bm25" } };
    const guided = { ...predict, search: { decoding: "guided" } };
    expect(listLimits(predict)).toBeUndefined();
    expect(listLimits(guided)).toEqual(["search.decoding"]);
    expect(listLimits({ ...guided, method: "rag" })).toBeUndefined();
    const own = { ...predict, searcher: { adapter: { alpha: 16 } } };
    expect(listLimits(own)).toEqual(["searcher.adapter.alpha"]);
    expect(listLimits({ ...own, method: "rag" })).toBeUndefined();
    expect(listLimits({ ...predict, methodSettings: { repetitionPenalty: 1.1 } })).toEqual([
      "methodSettings.repetitionPenalty",
    ]);
    expect(listLimits({ kind: "evaluate", name: "e", questions: "a/b" })).toBeUndefined();
  });
});
