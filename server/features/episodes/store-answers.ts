import type { Answer, Score } from "@/contracts/records/episode";
import type { Queries } from "@/server/platform/db/database";
import { toStorableText } from "@/server/platform/db/json";
import {
  insertAnswers,
  insertScores,
  selectAnswerIds,
  selectScoreIds,
  type ScoreKey,
} from "./store-queries";

const formatAnswerKey = (answer: Pick<Answer, "key" | "text">): string =>
  `${answer.key} ${toStorableText(answer.text)}`;

/** Stores answers that are not stored yet. Sorted, so that two reports at once cannot deadlock. @returns their ids, by key and text */
export async function storeAnswers(
  db: Queries,
  answers: readonly Answer[],
): Promise<Map<string, bigint>> {
  if (answers.length === 0) return new Map();
  const distinct = [...new Map(answers.map((a) => [formatAnswerKey(a), a])).values()].sort(
    (a, b) => (a.key < b.key ? -1 : 1),
  );
  const inserted = await insertAnswers(db, distinct);
  const ids = new Map(inserted.map((stored) => [formatAnswerKey(stored), stored.id]));
  const known = distinct.filter((answer) => !ids.has(formatAnswerKey(answer)));
  if (known.length === 0) return ids;
  for (const stored of await selectAnswerIds(db, known))
    ids.set(formatAnswerKey(stored), stored.id);
  return ids;
}

const formatScoreKey = ({ answer, question, scorer }: ScoreKey): string =>
  `${answer} ${scorer} ${question}`;

/** Stores scores that are not stored yet. @returns their ids, by `formatScoreKey` */
async function storeScores(
  db: Queries,
  setId: string,
  scores: readonly (ScoreKey & { value: number })[],
): Promise<Map<string, string>> {
  if (scores.length === 0) return new Map();
  const distinct = [...new Map(scores.map((score) => [formatScoreKey(score), score]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, score]) => score);
  const inserted = await insertScores(db, setId, distinct);
  const ids = new Map(inserted.map((stored) => [formatScoreKey(stored), stored.id]));
  const known = distinct.filter((score) => !ids.has(formatScoreKey(score)));
  if (known.length === 0) return ids;
  for (const stored of await selectScoreIds(db, setId, known))
    ids.set(formatScoreKey(stored), stored.id);
  return ids;
}

/** The answer to a question with its scores: the one that the run was asked for, and further ones. */
export interface ScoredAnswer {
  questionId: string;
  answer: Answer | null;
  score: Score | null;
  otherScores?: readonly Score[] | undefined;
}
/** Ids of the stored answer and of its score; null for what there is none of. */
export interface StoredIds {
  answer: string | null;
  score: string | null;
}

/**
 * Stores answers and scores that are not stored yet. A score without an answer is of nothing and is left out.
 * @returns the ids of any of these answers
 */
export async function storeScoredAnswers(
  db: Queries,
  setId: string,
  scoredAnswers: readonly ScoredAnswer[],
): Promise<(scoredAnswer: ScoredAnswer) => StoredIds> {
  const answerIds = await storeAnswers(
    db,
    scoredAnswers.flatMap(({ answer }) => answer ?? []),
  );
  const buildScoreKey = (answer: Answer, question: string, { scorer }: Score): ScoreKey => ({
    answer: String(answerIds.get(formatAnswerKey(answer))),
    question,
    scorer,
  });
  const scoreIds = await storeScores(
    db,
    setId,
    scoredAnswers.flatMap(({ questionId, answer, score, otherScores = [] }) =>
      answer
        ? [...(score ? [score] : []), ...otherScores].map((each) => ({
            ...buildScoreKey(answer, questionId, each),
            value: each.value,
          }))
        : [],
    ),
  );
  return ({ questionId, answer, score }) => ({
    answer: answer && String(answerIds.get(formatAnswerKey(answer))),
    score:
      answer &&
      score &&
      String(scoreIds.get(formatScoreKey(buildScoreKey(answer, questionId, score)))),
  });
}
