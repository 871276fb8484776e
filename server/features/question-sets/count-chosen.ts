import type { QuestionChoice } from "@/contracts/run-config/question-choice";
import { chooseQuestions } from "@/core/questions/choose-questions";
import type { Queries } from "@/server/platform/db/database";
import { selectChoosable } from "./queries";

/** Questions of a version of a set that all of these choices ask, and how many of them name gold documents. */
export async function countChosenQuestions(
  db: Queries,
  setId: string,
  choices: readonly QuestionChoice[],
): Promise<{ questions: number; withGold: number }> {
  const all = await selectChoosable(db, setId);
  const [first = [], ...others] = choices.map((choice) => new Set(chooseQuestions(all, choice)));
  const chosen = [...first].filter((question) => others.every((of) => of.has(question)));
  return { questions: chosen.length, withGold: chosen.filter(({ hasGold }) => hasGold).length };
}

/** Whether a run asks other questions than the first ones, so that they must be counted one by one. */
export const isChosen = ({ limit, sampleSeed, skipYesNo }: QuestionChoice): boolean =>
  (limit !== null && typeof sampleSeed === "number") || skipYesNo === true;

/** How many questions of a version of a set with so many a predict run asks. */
export async function countAskedQuestions(
  db: Queries,
  setId: string,
  config: QuestionChoice & { method: string },
  questions: number,
): Promise<number> {
  const { limit, method } = config;
  if (!isChosen(config) && method !== "gold") return Math.min(limit ?? questions, questions);
  const counts = await countChosenQuestions(db, setId, [config]);
  return method === "gold" ? counts.withGold : counts.questions;
}
