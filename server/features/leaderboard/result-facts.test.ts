import { describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { buildScopeKey, listDifferences, parseScopeKey } from "@/core/comparability/comparability";
import { buildResultFacts } from "./result-facts";

const SOURCES = {
  questionSet: "q",
  questionSetVersion: "1",
  questions: 9,
  corpus: "c",
  corpusVersion: "1",
  generator: "qwen3",
  promptStyle: "chat/1",
  scorer: "span/2",
  importedFrom: null,
};
const buildFacts = (changes: object, importedFrom: string | null = null) =>
  buildResultFacts(predictConfigSchema.parse({ kind: "predict", name: "p", ...changes }), {
    ...SOURCES,
    importedFrom,
  });

describe("the scope of a result", () => {
  it("is parted by whether the generator thinks, which its prompt's name says", () => {
    const keys = ["template", "on", "off"].map((thinking) =>
      buildScopeKey(buildFacts({ generator: { thinking } })),
    );
    expect(new Set(keys).size).toBe(3);
    expect(keys[0]).toBe('["c","1","qwen3","chat/1",64,"span/2"]');
    expect(parseScopeKey(keys[1]!)).toMatchObject({ promptStyle: "chat/1, thinking on" });
  });

  it("is not parted by the thinking of a generator that did not answer", () => {
    const generator = { thinking: "on" };
    expect(buildFacts({ method: "cot", generator }).promptStyle).toBe("chat/1");
    expect(buildFacts({ generator }, "results/s3.json").promptStyle).toBe("chat/1");
  });

  it("is of the days on which an online search fetched its documents", () => {
    const retriever = { kind: "online", url: "http://127.0.0.1:8888" };
    const config = predictConfigSchema.parse({ kind: "predict", name: "p", retriever });
    const factsOfDays = (fetchDays: string | null) =>
      buildResultFacts(config, { ...SOURCES, fetchDays });
    expect(factsOfDays("2026-11-29 to 2026-11-30")).toMatchObject({
      corpus: "web, fetched 2026-11-29 to 2026-11-30",
      corpusVersion: null,
    });
    expect(listDifferences(factsOfDays("2026-11-29"), factsOfDays("2026-11-30"))).toEqual([
      { code: "corpus", values: { corpus: "web, fetched 2026-11-29" } },
    ]);
    expect(factsOfDays(null)).toEqual(buildFacts({}));
  });
});
