import type { QuestionRecord } from "@/contracts/formats/corpus-lines";
import { buildQuestionKey } from "@/contracts/formats/upstream/files";
import { hashText } from "@/lib/hash";
import type { Question } from "@/contracts/worker-protocol/questions";

/** Finds the questions of a set by the text that upstream's files use as their key. */
export class QuestionLookup {
  private readonly byKey = new Map<string, Question>();
  private readonly gold: ReadonlyMap<string, readonly string[]>;

  constructor(private readonly questions: readonly Question[]) {
    this.gold = new Map(questions.map(({ id, goldIds }) => [id, goldIds]));
    for (const question of questions)
      if (!this.byKey.has(buildQuestionKey(question.question)))
        this.byKey.set(buildQuestionKey(question.question), question);
  }

  /** The question of a text; null where the set has none. */
  find(text: string): Question | null {
    return this.byKey.get(buildQuestionKey(text)) ?? null;
  }

  /** Gold documents of a question; none for an unknown id. */
  getGoldIds(id: string): readonly string[] {
    return this.gold.get(id) ?? [];
  }

  /** All questions of the set, those that are given with their answers. */
  withAnswers(given: readonly QuestionRecord[]): QuestionRecord[] {
    const answers = new Map(
      given.map((record) => [buildQuestionKey(record.question), record.answers] as const),
    );
    return this.questions.map((question) => ({
      ...question,
      answers: answers.get(buildQuestionKey(question.question)) ?? question.answers,
    }));
  }

  /** The question that a prompt asks: the last of its lines that is a question of the set. */
  findInPrompt(prompt: string): Question | null {
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
    if (known.length === 0 || key === "" || byKey.has(key)) continue;
    byKey.set(key, {
      id: hashText(key).slice(0, 16),
      question: text.split(/\n\s*Options:/)[0]!.trim(),
      answers: known,
      goldIds: [],
      type: null,
      group: null,
      goldQueries: [],
    });
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
  return made.filter(({ question, answers }) => {
    const before = known.find(question);
    return before !== null && toKey(before.answers) !== toKey(answers);
  });
}

/** Says that the gold answers of files were not used, because a person named the set. */
export function describeUnused(set: string, differing: readonly QuestionRecord[]): string[] {
  const [first] = differing;
  if (!first) return [];
  return [
    `${differing.length} ${differing.length === 1 ? "question has" : "questions have"} other gold answers in the files than in "${set}", whose answers count: e.g. ${JSON.stringify(first.question)}, ${first.answers.join(" | ")} in the files.`,
  ];
}
