import type { MultipleChoice } from "@/contracts/formats/corpus-lines";

/**
 * Multiple choices as upstream's MIRAGE rows write them: the question, a line "Options:", a line `X: text` for each
 * option, a line feed; the gold answer is one `X: text`. Options and letter stand nowhere else in its files. Pure.
 */

const HEADING = "Options:";

type Choice = MultipleChoice["choices"][number];

/** A question with its gold answers, and its options where it is a multiple choice. */
export interface AskedQuestion {
  question: string;
  answers: readonly string[];
  options?: MultipleChoice | null | undefined;
}

/** A question, and the options that stand below it. */
interface QuestionText {
  question: string;
  /** In their order; null where no line "Options:" stands below the question, empty where nothing below it is an option. */
  choices: Choice[] | null;
}

/** Where the first heading begins that has only white space before it on its line, that space included, and where it ends. */
function findHeading(text: string): { start: number; end: number } | null {
  for (let at = text.indexOf(HEADING); at >= 0; at = text.indexOf(HEADING, at + 1)) {
    const start = text.slice(0, at).trimEnd().length;
    const line = text.slice(start, at).indexOf("\n");
    if (line >= 0) return { start: start + line, end: at + HEADING.length };
  }
  return null;
}

/** The question of a text with options below it: what a retriever is asked. */
export const removeOptions = (text: string): string => text.slice(0, findHeading(text)?.start);

/**
 * Splits a text into its question and options. A line begins an option where it has a capital letter after that of the
 * option before it, and the same sign behind it as the first option has; any other line goes on with the option.
 */
export function parseQuestionText(text: string): QuestionText {
  const heading = findHeading(text);
  if (!heading) return { question: text, choices: null };
  const choices: Choice[] = [];
  let sign: string | null = null;
  for (const line of text.slice(heading.end).split(/\r?\n/)) {
    const [, letter = "", found = "", rest = ""] =
      /^\s*\(?([A-Z])\s*([:.)])\s*(.*)$/.exec(line) ?? [];
    const last = choices.at(-1);
    if (letter > (last?.letter ?? "") && (sign === null || found === sign)) {
      choices.push({ letter, text: rest });
      sign = found;
    } else if (last) last.text += `\n${line}`;
  }
  return {
    question: text.slice(0, heading.start),
    choices: choices
      .map((choice) => ({ letter: choice.letter, text: choice.text.trim() }))
      .filter((choice) => choice.text !== ""),
  };
}

/** The letter that gold answers name, as `X: text`, as the letter or as the text alone; null where it is not one of the options. */
function findGoldLetter(choices: readonly Choice[], answers: readonly string[]): string | null {
  const letters = answers.map((answer) => {
    const gold = answer.trim().toUpperCase();
    const [, letter, text] = /^\(?([A-Z])\s*[:.)]\s*([^]*)$/.exec(gold) ?? [];
    const hasText = (each: Choice, words?: string): boolean => each.text.toUpperCase() === words;
    const written = choices.filter((each) => each.letter === letter && hasText(each, text));
    const named = choices.filter((each) => each.letter === gold);
    const worded = choices.filter((each) => hasText(each, gold));
    const [found = []] = [written, named, worded].filter(({ length }) => length > 0);
    return found.length === 1 ? found[0]!.letter : null;
  });
  const [first = null] = letters;
  return letters.every((letter) => letter === first) ? first : null;
}

/** Question and options of a text, with the letter of the gold answer; null options where it is no multiple choice. */
export function readMultipleChoice(
  text: string,
  answers: readonly string[],
): { question: string; options: MultipleChoice | null } {
  const { question, choices } = parseQuestionText(text);
  const answer = choices && choices.length > 1 ? findGoldLetter(choices, answers) : null;
  return { question, options: choices && answer !== null ? { choices, answer } : null };
}

/** A question with its options as upstream writes them, which is its key in upstream's files. */
export function formatQuestionText({ question, options }: Omit<AskedQuestion, "answers">): string {
  if (!options) return question;
  if (options.asWritten !== undefined) return options.asWritten;
  const lines = options.choices.map(({ letter, text }) => `${letter}: ${text}\n`);
  return `${question}\nOptions:\n${lines.join("")}`;
}

/** The gold answers as upstream writes them: of a multiple choice `X: text`. */
export function formatGoldAnswers({ answers, options }: Omit<AskedQuestion, "question">): string[] {
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  return right ? [`${right.letter}: ${right.text}`] : [...answers];
}

/** Whether options seem to stand within a question: letters from A on, each with a sign that lists have. */
export const hasOptionsWithin = (question: string): boolean =>
  OPTION_ROWS.some((row) => standInOrder(question, row));

/** Letters from A on with a bracket or colon; with a full stop only on lines of their own, or at least three. */
const OPTION_ROWS: readonly (readonly RegExp[])[] = [
  [/(?:^|\s)\(?A[):]\s*\S/g, /\s\(?B[):]\s*\S/g],
  [/(?:^|\n)[^\S\n]*A\.\s*\S/g, /\n[^\S\n]*B\.\s*\S/g],
  [/(?:^|\s)A\.\s+\S/g, /\sB\.\s+\S/g, /\sC\.\s+\S/g],
];

/** Whether the patterns match one after another. Each first match is enough, so that no text makes it slow. */
function standInOrder(text: string, patterns: readonly RegExp[]): boolean {
  let at = 0;
  return patterns.every((pattern) => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    at = pattern.lastIndex;
    return found;
  });
}
