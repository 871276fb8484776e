import { describe, expect, it } from "vitest";
import { formatJudgedId } from "@/core/scoring/judged-scoring";
import { judgePrompt } from "@/core/prompts/generating";
import { formatEditedVersion, formatPromptVersion } from "@/core/prompts/prompt-version";
import { formatRuleId } from "@/core/scoring/rule-scoring";
import { VERSION_IN_NAME, VERSION_NUMBER } from "./judging-scorers-sql";

/** PostgreSQL reads both patterns as JavaScript does. */
const parseFamily = (name: string) => name.replace(new RegExp(VERSION_IN_NAME), "$1");
const parseVersion = (name: string) => new RegExp(VERSION_NUMBER).exec(name)?.[1] ?? null;

const PROMPT = "{question} {golds} {answer}";
const judged = (model: string, prompt: string | null = null) =>
  formatJudgedId("judge", `${formatPromptVersion(judgePrompt, prompt)} ${model}`);
const edited = formatEditedVersion(PROMPT);

describe("the family and version of a stored scorer", () => {
  it.each([
    ["a rule", formatRuleId("span"), "span/", "2"],
    ["a rule before", "span/1", "span/", "1"],
    ["a rule of two words", formatRuleId("option-letter"), "option-letter/", "3"],
    ["a judge", judged("m"), "judge/ m", "2.1"],
    ["a judge before", "judge/1 m", "judge/ m", "1"],
    ["a judge whose model has a slash", judged("a/7b"), "judge/ a/7b", "2.1"],
    ["another judge", judged("n"), "judge/ n", "2.1"],
    ["a judge with an edited prompt", judged("m", PROMPT), `judge/${edited} m`, "2"],
    ["the same before", `judge/${edited} m`, `judge/${edited} m`, null],
    ["upstream's span", formatRuleId("span/upstream"), formatRuleId("span/upstream"), null],
  ])("%s: %s", (_, name, family, version) => {
    expect([parseFamily(name), parseVersion(name)]).toEqual([family, version]);
  });
});
