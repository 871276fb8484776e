import type { TrainedMethod } from "@/contracts/run-config/trained-method-names";
import type { Question } from "@/contracts/worker-protocol/questions";

/** What a demonstration knows when its next text is due. */
export interface DemonstrationState {
  /** Texts written so far. */
  written: number;
  /** Ids of the documents that its searches have found. */
  found: ReadonlySet<string>;
  /** Most searches. */
  searches: number;
}

/** Writes the next text of a demonstration. Pure. */
export type Demonstrate = (
  question: Pick<Question, "question" | "answers" | "goldIds" | "goldQueries">,
  state: DemonstrationState,
) => string;

/** Text between tags: it can neither close its tag nor open another one. */
const escapeTagged = (text: string): string => text.replace(/[<\s]+/g, " ").trim();

const writeAnswer = (thought: string, { answers }: Pick<Question, "answers">): string =>
  `<think> ${thought} </think>\n<answer> ${escapeTagged(answers[0] ?? "")} </answer>`;

/**
 * What the policy should write, for the cold start of the baselines. Search-R1 searches with the question, then with its
 * gold queries, until every gold document is found, and answers; R1 answers at once. Questions hold no reasoning, so
 * thoughts are fixed sentences that show their place alone. SFT writes the gold answer, as its prompt asks.
 */
export const DEMONSTRATIONS: Readonly<Record<Exclude<TrainedMethod, "s3">, Demonstrate>> = {
  "search-r1": (question, { written, found, searches }) => {
    const query = [question.question, ...question.goldQueries][written];
    const isDone = question.goldIds.every((id) => found.has(id));
    return query === undefined || written >= searches || isDone
      ? writeAnswer("The documents say it.", question)
      : `<think> I need to look this up. </think>\n<search> ${escapeTagged(query)} </search>`;
  },
  r1: (question) => writeAnswer("I know this.", question),
  sft: ({ answers }) => answers[0] ?? "",
};
