import type { RuleScorer } from "@/contracts/run-config/scoring";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import type { Score } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";

/**
 * Scoring by rules, without a model. Pure, so that worker and server give the same value for an answer. The judge, which
 * is a model, is in gpu-workers/llm/scoring/judge.ts.
 */

/** What an answer is compared with. */
export interface Scorable {
  answers: readonly string[];
  options?: MultipleChoice | null;
}

/** Python's string.punctuation, which SQuAD's normalisation strips; other scripts' punctuation stays. */
const PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;
/** Word boundaries as Python sees them (letters and digits of any script), where JavaScript's \b knows ASCII only. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
/** What Python's str.split() splits at. */
const WHITESPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/**
 * SQuAD's answer normalisation (Rajpurkar et al. 2016), as upstream applies it: lower case, then punctuation, then
 * articles removed, then white space collapsed.
 * @returns the remaining words.
 */
export function normaliseWords(text: string): string[] {
  const bare = text.toLowerCase().replace(PUNCTUATION, "").replace(ARTICLES, " ");
  return bare.split(WHITESPACE).filter((word) => word !== "");
}

/** 1 where the words of a gold answer follow each other in the prediction's words, else 0. */
export function scoreSpan(prediction: string, golds: readonly string[]): 0 | 1 {
  const words = normaliseWords(prediction);
  return golds.some((gold) => containsWords(words, normaliseWords(gold))) ? 1 : 0;
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

/** "the answer is (C)", "option B": the last occurrence counts. */
const NAMED_OPTION =
  /\b(?:answer|option|choice)\b\s*(?:(?:is|would be)\s*)?(?:[:=]\s*)?\(?([A-Z])\)?(?![A-Za-z'])/gi;
/** A letter alone at the beginning: "B", "B.", "(B) text"; "A patient" begins with a word. */
const LEADING_OPTION = /^\W*([A-Z])(?:\s*$|\s*[).:,\-\n])/;
const BRACKETED_OPTION = /\(([A-Z])\)/g;

/**
 * The option that an answer chooses, by its letter; null where it chooses none or several. A letter that is named
 * ("the answer is C"), one that leads ("C. Aspirin"), the only one in brackets, or the only option whose text occurs.
 */
export function findChosenOption(prediction: string, { choices }: MultipleChoice): string | null {
  const known = new Set(choices.map(({ letter: readLetter }) => readLetter));
  const letter = (found: string | undefined): string | null =>
    found !== undefined && known.has(found.toUpperCase()) ? found.toUpperCase() : null;
  // Case matters for "a": "the answer is a virus" names no option.
  const named = [...prediction.matchAll(NAMED_OPTION)]
    .map(([, found]) => found!)
    .filter((found) => found === found.toUpperCase());
  const first = letter(named[named.length - 1]) ?? letter(LEADING_OPTION.exec(prediction)?.[1]);
  if (first !== null) return first;
  const bracketed = new Set(
    [...prediction.matchAll(BRACKETED_OPTION)].flatMap(([, found]) => letter(found) ?? []),
  );
  if (bracketed.size === 1) return [...bracketed][0]!;
  const words = normaliseWords(prediction);
  const said = choices.filter(({ text }) => containsWords(words, normaliseWords(text)));
  // An option's text may be part of a longer one that occurs as well: the longest counts if it contains all others.
  const longest = said.reduce<(typeof said)[number] | null>(
    (best, choice) => (best === null || choice.text.length > best.text.length ? choice : best),
    null,
  );
  if (longest === null) return null;
  const within = normaliseWords(longest.text);
  return said.every(({ text }) => containsWords(within, normaliseWords(text)))
    ? longest.letter
    : null;
}

/** The question as a model's prompt has it, with its options below. A retriever gets the question alone. */
export function formatQuestion({
  question,
  options,
}: {
  question: string;
  options?: MultipleChoice | null;
}): string {
  return options
    ? `${question}\nOptions:\n${options.choices.map(({ letter, text }) => `${letter}. ${text}`).join("\n")}`
    : question;
}

function containsWords(words: readonly string[], part: readonly string[]): boolean {
  if (part.length === 0) return false;
  for (let start = 0; start + part.length <= words.length; start++) {
    if (part.every((word, i) => words[start + i] === word)) return true;
  }
  return false;
}

function scoreOption(prediction: string, options: MultipleChoice | null | undefined): 0 | 1 {
  if (!options)
    throw new AppError(
      "invalid-input",
      "Scorer option-letter needs questions with options; this one has none. Choose another scorer, or import the set with its options.",
    );
  return findChosenOption(prediction, options) === options.answer ? 1 : 0;
}

const RULES: Record<
  RuleScorer,
  { version: number; score: (prediction: string, question: Scorable) => number }
> = {
  span: { version: 1, score: (prediction, { answers }) => scoreSpan(prediction, answers) },
  "exact-match": {
    version: 1,
    score: (prediction, { answers }) => scoreExactMatch(prediction, answers),
  },
  f1: { version: 1, score: (prediction, { answers }) => scoreTokenF1(prediction, answers) },
  "option-letter": {
    version: 1,
    score: (prediction, { options }) => scoreOption(prediction, options),
  },
};

/** Name and version under which a rule's scores are stored. */
export const formatRuleId = (rule: RuleScorer): string => `${rule}/${RULES[rule].version}`;

/** Scores one answer by a rule; the rule's version travels with the value. */
export function scoreByRule(rule: RuleScorer, prediction: string, question: Scorable): Score {
  return { scorer: formatRuleId(rule), value: RULES[rule].score(prediction, question) };
}

/** Every rule that applies to the question: cheap, so that a leaderboard can switch between them. */
export function scoreByRules(prediction: string, question: Scorable): Score[] {
  const rules: RuleScorer[] = [
    "span",
    "exact-match",
    "f1",
    ...(question.options ? (["option-letter"] as const) : []),
  ];
  return rules.map((rule) => scoreByRule(rule, prediction, question));
}
