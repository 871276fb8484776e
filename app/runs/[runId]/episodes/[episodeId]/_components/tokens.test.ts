import { expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { describeToken, listTokens, shadeToken } from "./tokens";

const t = createText("en", {});
const step = {
  kind: "generate",
  turn: 0,
  seconds: 0,
  text: "ab",
  ids: [5, 6, 7],
  mask: [0, 1, 1],
  logprobs: [0, -1, 0],
  entropies: [0, 1.5, 0],
} as const;

it("gives what was recorded of the tokens that the policy chose, and nothing of the others", () => {
  const tokens = listTokens(
    { ...step, ids: [...step.ids], mask: [0, 1, 1], logprobs: [0, -1, 0], entropies: [0, 1.5, 0] },
    -0.5,
  );
  expect(tokens[0]).toEqual({
    id: 5,
    isPolicy: false,
    logprob: null,
    entropy: null,
    advantage: null,
  });
  expect(tokens[1]).toEqual({ id: 6, isPolicy: true, logprob: -1, entropy: 1.5, advantage: -0.5 });
  expect(describeToken(t, tokens[0]!, "x")).toBe('"x", id 5: given or forced, no loss');
  expect(describeToken(t, tokens[1]!, undefined)).toBe(
    "Token 6: log-probability -1.000 (probability 0.368), entropy 1.500 nats, advantage -0.500",
  );
});

it("gives each token its own advantage where they are recorded, and the episode's where not", () => {
  const base = { kind: "generate", turn: 0, seconds: 0, text: "", ids: [5, 6, 7, 8] } as const;
  const recorded = { ...base, ids: [...base.ids], mask: [0, 1, 1, 1] as (0 | 1)[] };
  const list = (step: Parameters<typeof listTokens>[0]) =>
    listTokens(step, 0.5).map(({ advantage }) => advantage);
  expect(list({ ...recorded, advantages: [0, 0.25, -2, 0] })).toEqual([null, 0.25, -2, 0]);
  expect(list(recorded)).toEqual([null, 0.5, 0.5, 0.5]);
});

it("says what is not recorded, and colours nothing by it", () => {
  const [token] = listTokens({ kind: "generate", turn: 0, seconds: 0, text: "", ids: [5] }, null);
  expect(describeToken(t, token!, "x")).toBe(
    '"x", id 5: log-probability not recorded, entropy not recorded, no advantage',
  );
  for (const overlay of ["log-probability", "entropy", "advantage"] as const)
    expect(shadeToken(token!, overlay)).toBeNull();
});

it("colours by doubt, by uncertainty and by the sign of the advantage", () => {
  const token = { id: 1, isPolicy: true, logprob: Math.log(0.25), entropy: 1.5, advantage: -2 };
  expect(shadeToken(token, "log-probability")!.strength).toBeCloseTo(0.75);
  expect(shadeToken(token, "entropy")).toEqual({ colour: "primary", strength: 0.5 });
  expect(shadeToken(token, "advantage")).toEqual({ colour: "bad", strength: 1 });
  expect(shadeToken({ ...token, advantage: 0 }, "advantage")).toBeNull();
  expect(shadeToken({ ...token, isPolicy: false }, "loss mask")).toBeNull();
});
