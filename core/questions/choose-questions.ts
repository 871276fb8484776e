import type { QuestionChoice } from "@/contracts/run-config/question-choice";
import { drawNumpySample } from "@/core/statistics/numpy-random";
import { markMessage } from "@/core/texts/mark-message";

/** Gold answers that upstream's training rows must not have, letter by letter. */
const YES_NO = new Set(["yes", "no", "true", "false", "Yes", "No", "True", "False"]);

/** Whether a question has a gold answer that is just yes or no. */
export const isYesNoQuestion = ({ answers }: { answers: readonly string[] }): boolean =>
  answers.some((answer) => YES_NO.has(answer));

/** A line of the log: how many questions of a set are answered by yes or no and so left out. */
export const describeSkipped = (questions: readonly { answers: readonly string[] }[]): string =>
  `${questions.filter(isYesNoQuestion).length} of ${questions.length} questions have a gold answer yes or no and are left out.`;

/**
 * The questions of a set that a run asks, in the set's order. A sample holds `limit` of each data source, all where it
 * has no more: those that pandas' `DataFrame.sample(n=limit, random_state=seed)` takes of that source's rows in the same order.
 *
 * @param questions all of the set, in its order
 */
export function chooseQuestions<Q extends { answers: readonly string[]; type: string | null }>(
  questions: readonly Q[],
  { limit, sampleSeed, skipYesNo = false }: QuestionChoice,
): Q[] {
  const kept = skipYesNo ? questions.filter((q) => !isYesNoQuestion(q)) : [...questions];
  if (limit === null) return kept;
  if (sampleSeed === undefined || sampleSeed === null) return kept.slice(0, limit);
  const bySource = new Map<string | null, number[]>();
  for (const [i, { type }] of kept.entries()) {
    const places = bySource.get(type);
    if (places) places.push(i);
    else bySource.set(type, [i]);
  }
  const drawn = [...bySource.values()].flatMap((places) =>
    places.length <= limit
      ? places
      : drawNumpySample(places.length, limit, sampleSeed).map((i) => places[i]!),
  );
  return drawn.sort((a, b) => a - b).map((i) => kept[i]!);
}

/** How the questions of a run are chosen, in English; null: it asks all. */
export function describeChoice({ limit, sampleSeed, skipYesNo }: QuestionChoice): string | null {
  const parts = [
    ...(limit === null
      ? []
      : [
          sampleSeed === undefined || sampleSeed === null
            ? markMessage`first ${limit}`
            : markMessage`${limit} of each source by seed ${sampleSeed}`,
        ]),
    ...(skipYesNo ? [markMessage`without yes and no`] : []),
  ];
  return parts.length === 0 ? null : parts.join(", ");
}
