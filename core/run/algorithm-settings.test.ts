import { describe, expect, it } from "vitest";
import { ALGORITHM_NAMES } from "@/contracts/run-config/algorithm-names";
import { rlSchema } from "@/contracts/run-config/rl";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import { findOtherNormalisation, isReadByAlgorithm } from "./algorithm-settings";
import { listSettingPaths } from "./settings";

const listRead = (algorithm: string): string[] =>
  listSettingPaths("train").filter((path) => isReadByAlgorithm(path, { rl: { algorithm } }));

describe("settings that an algorithm reads", () => {
  it("are all where no algorithm is chosen, and those of other groups always", () => {
    for (const path of listSettingPaths("train")) {
      expect(isReadByAlgorithm(path, {})).toBe(true);
      if (!path.startsWith("rl.")) expect(listRead("rejection-sampling")).toContain(path);
    }
  });

  it("hold the critic's exactly where there is one", () => {
    for (const algorithm of ALGORITHM_NAMES)
      expect(listRead(algorithm).includes("rl.critic.learningRate"), algorithm).toBe(
        createAlgorithm(rlSchema.parse({ algorithm })).usesCritic,
      );
  });

  it.each([
    ["gspo", "rl.sequenceClip", "rl.clip"],
    ["cispo", "rl.clipHigh", "rl.clip"],
    ["grpo", "rl.clip", "rl.gamma"],
    ["ppo", "rl.lambda", "rl.credit"],
    ["rejection-sampling", "rl.normalisation", "rl.klCoefficient"],
  ])("of %s hold %s and not %s", (algorithm, has, lacks) => {
    expect(listRead(algorithm)).toContain(has);
    expect(listRead(algorithm)).not.toContain(lacks);
  });

  it("decide the clip range: what is not read changes nothing", () => {
    for (const algorithm of ALGORITHM_NAMES) {
      const getClipRange = (rl: object) =>
        createAlgorithm(rlSchema.parse({ algorithm, ...rl })).clipRange;
      for (const [name, value] of [
        ["clip", 0.05],
        ["clipHigh", 0.06],
        ["sequenceClip", 0.07],
      ] as const) {
        const changes =
          JSON.stringify(getClipRange({ [name]: value })) !== JSON.stringify(getClipRange({}));
        expect(listRead(algorithm).includes(`rl.${name}`), `${algorithm} ${name}`).toBe(changes);
      }
    }
  });
});

it("tells the paper's normalisation where a configuration has another", () => {
  const find = (algorithm: string, normalisation: string) =>
    findOtherNormalisation({ rl: { algorithm, normalisation } });
  expect(find("dr-grpo", "token")).toEqual({ algorithm: "dr-grpo", normalisation: "constant" });
  expect(find("gspo", "sequence")).toBeNull();
  expect(find("ppo", "sequence")).toBeNull();
  expect(findOtherNormalisation({})).toBeNull();
});
