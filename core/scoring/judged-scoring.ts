import { isRule, type JudgedScorer, type ScorerName } from "@/contracts/run-config/scoring";
import type { Score } from "@/contracts/records/episode";
import { formatRuleId, scoreSpan } from "./rule-scoring";

/** Names under which scores that a model decided are stored: the scorer's, its version, then the judge's prompt and model. */

const PREFIXES: Record<JudgedScorer, string> = {
  // 2: a reply that says neither yes nor no counts as no. Version 1, "judge/1 MODEL", has no such verdicts.
  judge: "judge/2.",
  // 2: with span/2, 3: and judge/2. Version 1 was written without a number of its own: "generation-accuracy/1 MODEL".
  "generation-accuracy": "generation-accuracy/3.",
  "generation-accuracy/upstream": "generation-accuracy/upstream-1.",
};

/** @param judgeId version of the judge's prompt and the model, "1 qwen2.5-14b-instruct" */
export const formatJudgedId = (scorer: JudgedScorer, judgeId: string): string =>
  PREFIXES[scorer] + judgeId;

/** Names of version 1 of our own judge, and of the generation accuracy by it and span/2. */
const FIRST_JUDGE = { judge: "judge/", "generation-accuracy": "generation-accuracy/2." };

/** Generation accuracy of an answer by each verdict of our own judges, given by their stored names: span, or else the judge. */
export function combineWithVerdicts(
  answer: string,
  golds: readonly string[],
  verdicts: Readonly<Record<string, number>>,
): Score[] {
  const judged = Object.entries(verdicts);
  if (judged.length === 0) return [];
  const span = scoreSpan(answer, golds);
  return judged.map(([scorer, value]) => {
    const prefixes = scorer.startsWith(PREFIXES.judge) ? PREFIXES : FIRST_JUDGE;
    return {
      scorer: prefixes["generation-accuracy"] + scorer.slice(prefixes.judge.length),
      value: Math.max(value, span),
    };
  });
}

/** Whether a stored score was given by a scorer in its present version. */
export const isOfPresentVersion = (scorer: ScorerName, stored: string): boolean =>
  isRule(scorer) ? stored === formatRuleId(scorer) : stored.startsWith(PREFIXES[scorer]);

const UNREAD = "unread/";

/**
 * Beside a judged score stands one by this name for each answer that the judge was asked about: 1 where its reply said neither
 * yes nor no and counts as no, else 0. It is no figure of an answer, and no leaderboard shows it as one.
 */
export const formatUnreadId = (scorer: string): string => UNREAD + scorer;

/** The judged scorer that an unread score stands beside; null of any other score. */
export const parseUnreadId = (stored: string): string | null =>
  stored.startsWith(UNREAD) ? stored.slice(UNREAD.length) : null;
