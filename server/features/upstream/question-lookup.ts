import type { QuestionRecord } from "@/contracts/formats/corpus-lines";
import { buildQuestionKey, buildStemKey } from "@/contracts/formats/upstream/files";
import {
  formatGoldAnswers,
  formatQuestionText,
  readMultipleChoice,
  removeOptions,
  type AskedQuestion,
} from "@/contracts/formats/upstream/question-text";
import { hashText } from "@/lib/hash";
import type { Question } from "@/contracts/worker-protocol/questions";

/** Finds the questions of a set by the text that upstream's files use as their key. */
export class QuestionLookup {
  private readonly byKey = new Map<string, Question>();
  /** Questions of one text, whatever their options are. */
  private readonly byStem = new Map<string, Question[]>();
  private readonly gold: ReadonlyMap<string, readonly string[]>;

  constructor(private readonly questions: readonly Question[]) {
    this.gold = new Map(questions.map(({ id, goldIds }) => [id, goldIds]));
    for (const question of questions) {
      const key = getKey(question);
      if (this.byKey.has(key)) continue;
      this.byKey.set(key, question);
      const stem = buildStemKey(question.question);
      this.byStem.set(stem, [...(this.byStem.get(stem) ?? []), question]);
    }
  }

  /**
   * The question of a text, with its options where the text has them. Where either has none, the only question of that
   * text is meant. Null where the set has none, or several of which one cannot be told.
   */
  find(text: string): Question | null {
    const exact = this.byKey.get(buildQuestionKey(text));
    if (exact) return exact;
    const hasOptions = removeOptions(text) !== text;
    const others = (this.byStem.get(buildStemKey(text)) ?? []).filter(
      ({ options }) => !hasOptions || !options,
    );
    return others.length === 1 ? others[0]! : null;
  }

  /** Gold documents of a question; none for an unknown id. */
  getGoldIds(id: string): readonly string[] {
    return this.gold.get(id) ?? [];
  }

  /** All questions of the set, those that are given with their answers. */
  withAnswers(given: readonly QuestionRecord[]): QuestionRecord[] {
    const answers = new Map(given.map((record) => [getKey(record), record.answers] as const));
    return this.questions.map((question) => ({
      ...question,
      answers: answers.get(getKey(question)) ?? question.answers,
    }));
  }

  /** The question that a prompt asks: between the last question tags, else the last of its lines that is one of the set. */
  findInPrompt(prompt: string): Question | null {
    const tagged = [...prompt.matchAll(/<question>([^]*?)<\/question>/g)].at(-1)?.[1];
    const asked = tagged === undefined ? null : this.find(tagged);
    if (asked) return asked;
    const parts = prompt.split(/[\n<>]|question:|user:/i);
    for (let i = parts.length - 1; i >= 0; i--) {
      const found = parts[i]!.trim() === "" ? null : this.find(parts[i]!);
      if (found) return found;
    }
    return null;
  }
}

/** A question set of what the files themselves say: upstream's question texts with their gold answers. */
export function buildQuestions(golden: ReadonlyMap<string, readonly string[]>): QuestionRecord[] {
  const byKey = new Map<string, QuestionRecord>();
  for (const [text, answers] of golden) {
    const known = answers.map((answer) => answer.trim()).filter((answer) => answer !== "");
    const key = buildQuestionKey(text);
    if (known.length === 0 || buildStemKey(text) === "" || byKey.has(key)) continue;
    const { options } = readMultipleChoice(text, known);
    const right = options?.choices.find(({ letter }) => letter === options.answer);
    const record: QuestionRecord = {
      id: hashText(key).slice(0, 16),
      question: removeOptions(text).trim(),
      answers: right ? [right.text] : known,
      goldIds: [],
      type: null,
      group: null,
      goldQueries: [],
      ...(options && { options }),
    };
    if (record.options && formatQuestionText(record) !== text) record.options.asWritten = text;
    byKey.set(key, record);
  }
  return [...byKey.values()];
}

/** Questions of files whose gold answers are others than those of a set, in whatever order. */
export function listCorrected(
  made: readonly QuestionRecord[],
  known: QuestionLookup,
): QuestionRecord[] {
  const toKey = (answers: readonly string[]): string =>
    JSON.stringify([...new Set(answers)].sort());
  return made.filter((record) => {
    const before = known.find(formatQuestionText(record));
    return before !== null && toKey(formatGoldAnswers(before)) !== toKey(formatGoldAnswers(record));
  });
}

const getKey = (question: Omit<AskedQuestion, "answers">): string =>
  buildQuestionKey(formatQuestionText(question));

/** Says that the gold answers of files were not used, because a person named the set. */
export function describeUnused(set: string, differing: readonly QuestionRecord[]): string[] {
  const [first] = differing;
  if (!first) return [];
  return [
    `${differing.length} ${differing.length === 1 ? "question has" : "questions have"} other gold answers in the files than in "${set}", whose answers count: e.g. ${JSON.stringify(first.question)}, ${first.answers.join(" | ")} in the files.`,
  ];
}
