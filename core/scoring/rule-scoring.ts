import type { RuleScorer } from "@/contracts/run-config/scoring";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import { formatGoldAnswers } from "@/contracts/formats/upstream/question-text";
import type { Score } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { findChosenOption } from "./option-letter";
import { containsSpan, readSpanText, type SpanText } from "./span-words";
import { scoreUpstreamSpan } from "./upstream-span";
import { normaliseWords } from "./words";

/**
 * Scoring by rules, without a model. Pure, so that worker and server give the same value for an answer. The judge, which
 * is a model, is in gpu-workers/llm/scoring/judge.ts.
 */

/** What an answer is compared with. */
export interface Scorable {
  answers: readonly string[];
  options?: MultipleChoice | null | undefined;
}

/** Gold answers as they are compared: a question's list is scored against many answers in training. */
const readGolds = new WeakMap<readonly string[], readonly SpanText[]>();

function readGoldTexts(golds: readonly string[]): readonly SpanText[] {
  const found = readGolds.get(golds);
  if (found !== undefined) return found;
  const read = golds.map(readSpanText);
  readGolds.set(golds, read);
  return read;
}

/** 1 where the words of a gold answer stand in the prediction in a row (docs/method.md has the rule), else 0. */
export function scoreSpan(prediction: string, golds: readonly string[]): 0 | 1 {
  const whole = readSpanText(prediction);
  return readGoldTexts(golds).some((gold) => containsSpan(whole, gold)) ? 1 : 0;
}

/** 1 where prediction and a gold answer are equal after normalisation, else 0. */
export function scoreExactMatch(prediction: string, golds: readonly string[]): 0 | 1 {
  const words = normaliseWords(prediction).join(" ");
  return golds.some((gold) => normaliseWords(gold).join(" ") === words) ? 1 : 0;
}

const VERDICTS: ReadonlySet<string> = new Set(["yes", "no", "noanswer"]);

/**
 * Token F1 in 0..1, the best over the gold answers (SQuAD's; of HotpotQA's evaluation the rule that yes, no and
 * noanswer count only where they are equal). Two empty texts are equal.
 */
export function scoreTokenF1(prediction: string, golds: readonly string[]): number {
  const words = normaliseWords(prediction);
  return Math.max(0, ...golds.map((gold) => computeF1(words, normaliseWords(gold))));
}

function computeF1(words: readonly string[], gold: readonly string[]): number {
  const [said, meant] = [words.join(" "), gold.join(" ")];
  if (said === meant) return 1;
  if (VERDICTS.has(said) || VERDICTS.has(meant)) return 0;
  const left = new Map<string, number>();
  for (const word of gold) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of words) {
    const n = left.get(word) ?? 0;
    if (n === 0) continue;
    left.set(word, n - 1);
    common += 1;
  }
  if (common === 0) return 0;
  const [precision, recall] = [common / words.length, common / gold.length];
  return (2 * precision * recall) / (precision + recall);
}

/** The question as a model's prompt has it, with its options below. A retriever gets the question alone. */
export function formatQuestion({
  question,
  options,
}: {
  question: string;
  options?: MultipleChoice | null | undefined;
}): string {
  return options ? `${question}\nOptions:\n${formatOptions(options)}` : question;
}

const formatOptions = ({ choices }: MultipleChoice): string =>
  choices.map(({ letter, text }) => `${letter}. ${text}`).join("\n");

/** A question as a model is asked: whole, and of a multiple choice its parts, for prompts that have a place for options. */
export interface QuestionText {
  question: string;
  parts?: { question: string; options: string };
}

/** The text of a question. Pure. */
export const buildQuestionText = (asked: Parameters<typeof formatQuestion>[0]): QuestionText => ({
  question: formatQuestion(asked),
  ...(asked.options && {
    parts: { question: asked.question, options: formatOptions(asked.options) },
  }),
});

function scoreOption(prediction: string, options: MultipleChoice | null | undefined): 0 | 1 {
  if (!options)
    throw new AppError(
      "invalid-input",
      "Scorer option-letter needs questions with options; this one has none. Choose another scorer, or import the set with its options.",
    );
  return findChosenOption(prediction, options) === options.answer ? 1 : 0;
}

type ScoreAnswer = (prediction: string, question: Scorable) => number;

/** Each rule with the name and version under which its scores are stored. */
const RULES: Record<RuleScorer, { id: string; score: ScoreAnswer }> = {
  // 2: Unicode, all punctuation, numbers and texts without spaces (span-words.ts) instead of SQuAD's normalisation.
  span: { id: "span/2", score: (prediction, { answers }) => scoreSpan(prediction, answers) },
  "span/upstream": {
    id: "span/upstream-1",
    score: (prediction, question) => scoreUpstreamSpan(prediction, formatGoldAnswers(question)),
  },
  "exact-match": {
    id: "exact-match/1",
    score: (prediction, { answers }) => scoreExactMatch(prediction, answers),
  },
  f1: { id: "f1/1", score: (prediction, { answers }) => scoreTokenF1(prediction, answers) },
  // 2: thoughts are read over, and a stated answer comes before options that are only mentioned.
  "option-letter": {
    id: "option-letter/3",
    score: (prediction, { options }) => scoreOption(prediction, options),
  },
};

/** Name and version under which a rule's scores are stored. */
export const formatRuleId = (rule: RuleScorer): string => RULES[rule].id;

/** Whether a stored score was given by another version of a rule than the present one. */
export const isOfEarlierVersion = (rule: RuleScorer, stored: string): boolean =>
  isEarlierVersion(RULES[rule].id, stored);

function isEarlierVersion(id: string, stored: string): boolean {
  const name = id.replace(/\d+$/, "");
  return stored !== id && stored.startsWith(name) && /^\d+$/.test(stored.slice(name.length));
}

/**
 * Rules that have scored under an earlier version and not every answer under their present one, by their present names.
 * @param whole those of the scorers that have scored every answer they apply to
 */
export const listOutdatedRules = (scorers: readonly string[], whole = scorers): string[] =>
  Object.values(RULES).flatMap(({ id }) =>
    scorers.some((scorer) => isEarlierVersion(id, scorer)) && !whole.includes(id) ? [id] : [],
  );

/** Scores one answer by a rule; the rule's version travels with the value. */
export function scoreByRule(rule: RuleScorer, prediction: string, question: Scorable): Score {
  return { scorer: formatRuleId(rule), value: RULES[rule].score(prediction, question) };
}

/**
 * Every rule of this product that applies to the question: cheap, so that a leaderboard can switch between them. Upstream's
 * span is scored where it is asked for.
 */
export function scoreByRules(prediction: string, question: Scorable): Score[] {
  const rules: RuleScorer[] = [
    "span",
    "exact-match",
    "f1",
    ...(question.options ? (["option-letter"] as const) : []),
  ];
  return rules.map((rule) => scoreByRule(rule, prediction, question));
}
