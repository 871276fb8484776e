import { listEpisodeDocuments, episodeSchema, type Answer } from "@/contracts/records/episode";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import { selectDocumentTexts } from "@/server/features/corpora/queries";
import { findRunSetId } from "@/server/features/question-sets/versions";
import type { Queries } from "@/server/platform/db/database";
import { buildDocumentRefs, parseStepRow } from "./step-rows";
import {
  selectAnsweredQuestions,
  selectAnswersByKey,
  selectEpisodesByKey,
  selectEpisodesOfQuestions,
  selectJudgeScores,
  selectRankedQuestions,
  selectScoreSum,
  selectStoredBaselines,
  type StoredEpisodeRow,
} from "./worker-queries";

/** What workers read of what is stored already: to go on where a run stopped, and to reuse answers, scores and episodes. */

const PAGE = 5000;
/** Answers are texts, so their pages are shorter. */
const BASELINE_PAGE = 1000;

/** A page of the questions that a predict run has stored already, in the order of their ids. */
export async function listAnsweredQuestions(
  db: Queries,
  { runId, after }: WorkerRequest<"answeredQuestions">,
): Promise<WorkerResponse<"answeredQuestions">> {
  const questions = await selectAnsweredQuestions(db, runId, after, PAGE);
  return { questions, next: getNextId(questions) };
}

/** A page of the rankings that an evaluate run has stored already, in the order of question ids. */
export async function listRankedQuestions(
  db: Queries,
  { runId, after }: WorkerRequest<"rankedQuestions">,
): Promise<WorkerResponse<"rankedQuestions">> {
  const questions = await selectRankedQuestions(db, runId, after, PAGE);
  return { questions, next: getNextId(questions) };
}

/** Where the next page begins; null after one that is not full. */
const getNextId = (questions: readonly { questionId: string }[]): string | null =>
  questions.length === PAGE ? (questions.at(-1)?.questionId ?? null) : null;

/** How many questions a predict run has stored with a score, by whatever attempt, and the sum of their scores. */
export const readStoredAccuracy = async (
  db: Queries,
  runId: string,
): Promise<WorkerResponse<"storedAccuracy">> =>
  (await selectScoreSum(db, runId)) ?? { scored: 0, sum: 0 };

/** Stored answers by cache key; the first one stored where machines disagreed. Keys without an answer are left out. */
export async function findAnswers(db: Queries, keys: readonly string[]): Promise<Answer[]> {
  const rows = await selectAnswersByKey(db, keys);
  return rows.map(({ usage, ...answer }) => ({ ...answer, ...(usage && { usage }) }));
}

/** Stored scores of a judge for answers to the questions of a run's version of a set; what it has not judged is absent. */
export async function findJudgeScores(
  db: Queries,
  { runId, questions, scorer, answers }: WorkerRequest<"findVerdicts">,
): Promise<StoredVerdict[]> {
  const setId = await findRunSetId(db, runId, questions);
  return selectJudgeScores(db, setId, scorer, answers);
}

/** Episodes of a predict run by question, with their answers and every text that they name, to be answered or scored anew. */
export const readStoredEpisodes = async (
  db: Queries,
  { runId, questionIds }: WorkerRequest<"storedEpisodes">,
): Promise<WorkerResponse<"storedEpisodes">> =>
  addTexts(db, await selectEpisodesOfQuestions(db, runId, questionIds));

/** A page of what a predict run has answered, with all scores of each answer, in the order of the questions' ids. */
export async function listStoredBaselines(
  db: Queries,
  { runId, after }: WorkerRequest<"storedBaselines">,
): Promise<WorkerResponse<"storedBaselines">> {
  const entries = await selectStoredBaselines(db, runId, after, BASELINE_PAGE);
  const next = entries.length === BASELINE_PAGE ? (entries.at(-1)?.questionId ?? null) : null;
  return { entries, next };
}

/** The first stored episode of each key that a predict run has, with its answer and every text that it names. */
export const findEpisodes = async (
  db: Queries,
  { keys }: WorkerRequest<"findEpisodes">,
): Promise<WorkerResponse<"findEpisodes">> => addTexts(db, await selectEpisodesByKey(db, keys));

async function addTexts(
  db: Queries,
  rows: readonly StoredEpisodeRow[],
): Promise<WorkerResponse<"storedEpisodes">> {
  const episodes = rows.map((row) => ({
    episode: episodeSchema.parse({
      key: row.key,
      method: row.method,
      protocol: row.protocol,
      questionId: row.questionId,
      sampleIndex: row.sampleIndex,
      steps: (row.steps ?? []).map(parseStepRow),
      context: buildDocumentRefs(row.contextIds, row.contextHashes, row.contextScores),
      ...(row.usage && { usage: row.usage }),
    }),
    answer: row.answer,
  }));
  const named = episodes.flatMap(({ episode }) => listEpisodeDocuments(episode));
  return { episodes, documents: await selectDocumentTexts(db, named) };
}
