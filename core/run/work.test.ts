import { expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { buildDefaultConfig } from "./settings";
import { describeWork, projectSeconds } from "./work";

it("counts the episodes of a training run, and says that a service has no end", () => {
  const config = buildDefaultConfig("train");
  if (config.kind !== "train") throw new Error("not a training run");
  const { rl } = config;
  expect(describeWork(config)?.size).toBe(rl.steps * rl.questionsPerStep * rl.groupSize);
  expect(describeWork(buildDefaultConfig("serve"))).toBeNull();
});

it("of supervised training counts the demonstrations, as it has no steps", () => {
  const config = trainConfigSchema.parse({
    kind: "train",
    name: "t",
    method: "sft",
    coldStart: { demonstrations: 96 },
    rl: { steps: 0 },
  });
  expect(describeWork(config)).toMatchObject({ size: 96, unit: "questions" });
});

it("scales past runs to the new size and takes their median", () => {
  const past = [
    { seconds: 100, size: 10 },
    { seconds: 60, size: 5 },
    { seconds: 300, size: 20 },
  ];
  expect(projectSeconds(10, past)).toEqual({ seconds: 120, low: 100, high: 150, runs: 3 });
});

it("knows nothing where no run was like it, and never scales a whole set to a part", () => {
  expect(projectSeconds(10, [])).toBeNull();
  expect(projectSeconds(10, [{ seconds: 9, size: null }])).toBeNull();
  expect(projectSeconds(null, [{ seconds: 9, size: null }])?.seconds).toBe(9);
});
