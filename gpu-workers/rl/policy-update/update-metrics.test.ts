import { expect, it } from "vitest";
import { rlSchema } from "@/contracts/run-config/rl";
import type { MiniBatchResult } from "./optimizer-epochs";
import { computeActorMetrics } from "./update-metrics";

const result: MiniBatchResult = {
  loss: 1,
  policyLoss: 1,
  tokens: 4,
  entropy: 2,
  kl: 0,
  clipped: 1,
  ratio: { sum: 4, min: 1, max: 1 },
  logprobs: [],
  values: [],
  valueClipped: 0,
  computedTokens: 4,
  seconds: 0,
  tokenBudget: 4,
  retriedOutOfMemory: 0,
  gradNorm: 3,
  batch: [],
};
const rl = rlSchema.parse({});

it("what a Tinker service does not tell is left out, not told as 0", () => {
  const told = computeActorMetrics([result, result], [], rl);
  expect(told).toMatchObject({ "actor/entropy_loss": 0.5, "actor/grad_norm": 3 });
  const untold = { ...result, entropy: null, gradNorm: null };
  const { "actor/entropy_loss": _, "actor/grad_norm": __, ...rest } = told;
  expect(computeActorMetrics([untold, untold], [], rl)).toEqual(rest);
});
