import { describe, expect, it } from "vitest";
import { predictConfigSchema } from "./predict-config";
import { isTruncated, resolveSampling } from "./sampling";
import { trainConfigSchema } from "./train-config";

const train = (changes: object) =>
  trainConfigSchema.safeParse({ kind: "train", name: "t", ...changes });

describe("settings of sampling", () => {
  it("are left out at their neutral values, so that stored configurations keep their form", () => {
    const neutral = { topK: 0, repetitionPenalty: 1 };
    const written = train({
      rl: { ...neutral, topP: 1 },
      evaluation: { ...neutral, topP: null, temperature: null },
    });
    expect(JSON.stringify(written.data)).toBe(JSON.stringify(train({}).data));
    const method = { kind: "predict", name: "p", methodSettings: { ...neutral, topP: null } };
    expect(JSON.stringify(predictConfigSchema.parse(method))).toBe(
      JSON.stringify(predictConfigSchema.parse({ kind: "predict", name: "p" })),
    );
  });

  it("keep every other value", () => {
    const given = { topP: 0.95, topK: 20, repetitionPenalty: 1.05 };
    expect(train({ rl: given, evaluation: { ...given, temperature: 0.6 } }).data).toMatchObject({
      rl: given,
      evaluation: { ...given, temperature: 0.6 },
    });
  });

  it.each([
    { topP: 0 },
    { topP: 1.01 },
    { topK: -1 },
    { topK: 1.5 },
    { repetitionPenalty: 0 },
    { repetitionPenalty: "1" },
  ])("refuse %o", (given) => {
    expect(train({ rl: given }).error?.issues[0]?.path).toEqual(["rl", Object.keys(given)[0]]);
  });
});

describe("resolveSampling", () => {
  const upstream = { temperature: 0.6, topP: 0.95 };
  it.each([
    ["what a protocol prescribes", {}, upstream, upstream],
    [
      "the settings before it",
      { temperature: 0.9, topP: 0.5 },
      upstream,
      { temperature: 0.9, topP: 0.5 },
    ],
    ["the whole distribution where it is asked for", { topP: 1 }, upstream, { temperature: 0.6 }],
    ["greedy without truncation", { temperature: 0, topK: 5 }, upstream, { temperature: 0 }],
    [
      "greedy with a penalty",
      { topP: 0.9, repetitionPenalty: 1.2 },
      { temperature: 0 },
      { temperature: 0, repetitionPenalty: 1.2 },
    ],
  ])("%s", (_name, settings, prescribed, expected) => {
    expect(resolveSampling(settings, prescribed)).toEqual(expected);
  });

  it("of a server with defaults of its own has a set top p of 1, and nothing that was left out", () => {
    const resolve = (settings: object) => resolveSampling(settings, upstream, true);
    expect(resolve({ topP: 1 })).toEqual({ temperature: 0.6, topP: 1 });
    expect(resolve({ topP: 1, temperature: 0 })).toEqual({ temperature: 0 });
    expect(resolve({ topP: null })).toEqual(upstream);
    expect(resolveSampling({ topP: null }, { temperature: 0.6 }, true)).toEqual({
      temperature: 0.6,
    });
  });
});

describe("sampling by vLLM, which tells the truncated distribution's log-probabilities", () => {
  const vllm = { searcher: { sampler: "vllm" } };
  it.each([
    [{ oldLogprobs: "trainer", topP: 0.95 }, []],
    [{ oldLogprobs: "trainer", truncateRatio: 2 }, []],
    [{ oldLogprobs: "trainer", truncateRatio: 2, topK: 5 }, ["rl.truncateRatio"]],
    [{ overlap: true, oldLogprobs: "sampler" }, []],
    [{ overlap: true, oldLogprobs: "sampler", repetitionPenalty: 1.1 }, ["rl.overlap"]],
  ])("%o", (rl, paths) => {
    const issues = train({ ...vllm, rl }).error?.issues ?? [];
    expect(issues.map(({ path }) => path.join("."))).toEqual(paths);
  });

  it("says what is truncated", () => {
    expect(
      [{}, { topP: 1 }, { topP: 0.5 }, { topK: 1 }, { repetitionPenalty: 0.9 }].map(isTruncated),
    ).toEqual([false, false, true, true, true]);
  });
});
