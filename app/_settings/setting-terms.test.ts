import { expect, it } from "vitest";
import { GLOSSARY } from "@/core/glossary/glossary";
import type { GlossaryEntry } from "@/core/glossary/glossary-entry";
import { listSettingMeanings } from "@/core/run/settings";
import { SETTING_TERMS } from "./setting-terms";

const findFormula = (path: string): string | undefined => {
  const term = SETTING_TERMS[path];
  const entry: GlossaryEntry | undefined = term && GLOSSARY[term];
  return entry?.formula;
};

it("every explained setting is one of some kind of run", () => {
  const unknown = Object.keys(SETTING_TERMS).filter(
    (path) => listSettingMeanings(path).length === 0,
  );
  expect(unknown).toEqual([]);
});

it.each([
  ["rl.klEstimator", /k1 = d, k2 = d² \/ 2, k3 = exp/],
  ["rl.gamma", /γ/],
  ["rl.lambda", /λ/],
  ["rl.normalisation", /token: .*sequence: .*constant: /],
  ["rl.algorithm", /standard deviation of the group/],
  ["rl.clipHigh", /1 \+ ε/],
  ["rl.sequenceClip", /GSPO/],
  ["rl.critic.valueClip", /return/],
  ["searcher.adapter.rank", /B A x/],
  ["retriever.k1", /k1/],
  ["retriever.rrfK", /1 \/ \(k \+ rank\)/],
])("%s leads to its formula", (path, formula) => {
  expect(findFormula(path)).toMatch(formula);
});
