import { expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { CHINESE } from "@/core/texts/chinese";
import { assessCompleteness, listScopeDifferences } from "@/core/comparability/comparability";
import { formatReason } from "./comparability-reasons";

const scope = {
  corpus: "atlas",
  corpusVersion: "c1",
  generator: "smollm2",
  promptStyle: "few-shot",
  maxTokens: 12,
  scorer: "span@1",
};

it("reasons say their values in the language of the page", () => {
  const reasons = listScopeDifferences({ ...scope, maxTokens: 1, scorer: "exact-match@1" }, scope);
  const lacks = (scored: number, answered: number, failed: number) =>
    assessCompleteness({ expected: 1200, scored, answered, failed }).reason ?? [];
  const all = [...reasons, lacks(1100, 1100, 0), lacks(72, 80, 3)].flat();
  const say = (t: ReturnType<typeof createText>) => all.map((reason) => formatReason(t, reason));
  expect(say(createText("en", {}))).toEqual([
    "another limit of answers: 1 token",
    "another scorer: exact-match@1",
    "incomplete: 1100 of 1200",
    "incomplete: 72 of 1200, 8 answered but not scored, 3 failed",
  ]);
  expect(say(createText("zh", CHINESE))).toEqual([
    "其他回答长度上限：1 个 token",
    "其他评分器：exact-match@1",
    "不完整：1100 / 1200",
    "不完整：72 / 1200，8 个已回答但未评分，3 个失败",
  ]);
});
