import { describe, expect, it } from "vitest";
import { judgeSchema } from "./scoring";
import { generatorSchema } from "./generator";
import { predictConfigSchema } from "./predict-config";

const ENDPOINT = "https://api.anthropic.com/v1";
const VENDORS = ["anthropic", "bedrock", "gemini", "vertex"];

/** The paths of what is wrong with a predict run. */
const findIssues = (settings: object): string[] => {
  const { error } = predictConfigSchema.safeParse({ kind: "predict", name: "p", ...settings });
  return (error?.issues ?? []).map(({ path }) => path.join("."));
};

describe("the dialect of an endpoint", () => {
  it("is left out where it is OpenAI's, so that stored configurations keep their form", () => {
    const plain = generatorSchema.parse({ endpoint: ENDPOINT });
    expect(JSON.stringify(generatorSchema.parse({ endpoint: ENDPOINT, dialect: "openai" }))).toBe(
      JSON.stringify(plain),
    );
    expect(generatorSchema.parse({ endpoint: ENDPOINT, dialect: "azure" }).dialect).toBe("azure");
  });
  it("needs an endpoint", () => {
    expect(generatorSchema.safeParse({ dialect: "gemini" }).error?.issues[0]?.path).toEqual([
      "dialect",
    ]);
    expect(judgeSchema.safeParse({ dialect: "gemini" }).success).toBe(false);
  });
  it.each(VENDORS)("%s has chats alone", (dialect) => {
    const model = { endpoint: ENDPOINT, dialect };
    expect(findIssues({ generator: { ...model, promptStyle: "few-shot" } })).toEqual([
      "generator.promptStyle",
    ]);
    for (const api of ["chatml", "plain"])
      expect(findIssues({ method: "cot", searcher: { ...model, api } })).toEqual(["searcher.api"]);
    expect(findIssues({ generator: model, judge: model, method: "rag" })).toEqual([]);
  });
  it.each(VENDORS)("%s cannot go on with a turn, which three methods need", (dialect) => {
    const searcher = { endpoint: ENDPOINT, dialect };
    for (const method of ["s3", "search-r1", "search-o1"])
      expect(findIssues({ method, searcher })).toEqual(["searcher.dialect"]);
    for (const method of ["direct", "cot", "r1", "sft", "ircot", "deepretrieval", "rag"])
      expect(findIssues({ method, searcher })).toEqual([]);
    // Stored episodes are answered again: the searcher is not asked.
    const reuse = { episodesOf: "6f1c2f0e-7a52-4d0e-9b0e-3f9f5c1f8a10" };
    expect(findIssues({ method: "s3", searcher, reuse })).toEqual([]);
  });
  it("of OpenAI's form leaves all that open", () => {
    const model = { endpoint: ENDPOINT, dialect: "azure" };
    expect(findIssues({ method: "s3", searcher: { ...model, api: "plain" } })).toEqual([]);
    expect(findIssues({ generator: { ...model, promptStyle: "few-shot" } })).toEqual([]);
  });
});
