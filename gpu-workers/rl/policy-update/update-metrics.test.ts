import { expect, it } from "vitest";
import { rlSchema } from "@/contracts/run-config/rl";
import type { Experience } from "./experience";
import type { MiniBatchResult } from "./optimizer-epochs";
import { computeActorMetrics, computeCreditMetrics } from "./update-metrics";

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

it("the log-probability of what is reinforced is the mean over tokens with a positive advantage, and no others", () => {
  const build = (...oldLogprobs: number[]): Experience => ({
    sequence: { ids: [], mask: [], logprobs: [], turns: [], guides: [] },
    reward: 0,
    oldLogprobs,
    trainerLogprobs: null,
    referenceLogprobs: null,
    penalties: oldLogprobs.map(() => 0),
    values: [],
  });
  const read = (...advantages: number[][]): number | undefined =>
    computeCreditMetrics(
      [build(-1, -2, -4), build(-8)],
      advantages.map((of) => ({ advantages: of })),
    )["actor/positive_logprob"];
  expect(read([0.5, 0.5, 0.5], [-1.5])).toBeCloseTo(-7 / 3, 12);
  expect(read([0.5, -0.5, 0.1], [0]), "by turns one episode has both").toBe(-2.5);
  expect(read([-1, -1, -1], [3]), "however large").toBe(-8);
  expect(read([0.2, 0.2, 0.2], [0.2]), "every token counts once").toBe(-15 / 4);
  expect(read([0, 0, 0], [0]), "nothing is reinforced").toBeUndefined();
});
