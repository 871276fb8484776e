import { z } from "zod";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import type { Answer, ModelUsage, Score } from "@/contracts/records/episode";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import type { StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows, sql, type Sql } from "@/server/platform/db/query";
import { answerJson, idListSchema, scoreListSchema } from "./queries";
import type { StepRow } from "./step-rows";

/** The SQL that reads stored episodes, answers and scores for workers, by pages and by keys. */

const judgeScoreSchema = z.object({
  key: z.string(),
  text: z.string(),
  questionId: z.string(),
  value: z.number(),
});
const answeredQuestionSchema = z.object({ questionId: z.string(), documents: z.int() });
const rankedQuestionSchema = z.object({ questionId: z.string(), ranks: z.array(z.int()) });
const scoreSumSchema = z.object({ scored: z.int(), sum: z.number() });
const storedAnswerSchema = z.object({
  key: z.string(),
  generator: z.string(),
  promptStyle: z.string(),
  text: z.string(),
  seconds: z.number(),
  usage: jsonColumn<ModelUsage | null>(),
});

const storedBaselineRowSchema = z.object({
  questionId: z.string(),
  question: z.string(),
  options: jsonColumn<MultipleChoice | null>(),
  golds: z.array(z.string()),
  imported: z.boolean(),
  answer: jsonColumn<Answer>(),
  scores: jsonColumn<Score[]>(),
});

/** A stored episode with its steps and its answer. */
const storedEpisodeSchema = z.object({
  key: z.string(),
  method: z.string(),
  protocol: z.string(),
  questionId: z.string(),
  sampleIndex: z.int(),
  contextIds: idListSchema,
  contextHashes: idListSchema,
  contextScores: scoreListSchema,
  steps: jsonColumn<StepRow[] | null>(),
  usage: jsonColumn<ModelUsage | null>(),
  answer: jsonColumn<Answer | null>(),
});
export type StoredEpisodeRow = z.infer<typeof storedEpisodeSchema>;

/** Lists come as JSON: Node reads it many times faster than the text form of arrays. */
const selectStored = (db: Queries, source: Sql): Promise<StoredEpisodeRow[]> =>
  queryRows(db, storedEpisodeSchema, { check: "first" })`
    SELECT e.key, e.method, e.protocol, e.question_id AS "questionId", e.sample_index AS "sampleIndex", to_json(e.context_ids) AS "contextIds", to_json(e.context_hashes) AS "contextHashes",
      to_json(e.context_scores) AS "contextScores", e.usage, (SELECT json_agg(s ORDER BY s.index) FROM steps s WHERE s.episode_id = coalesce(e.steps_of, e.id)) AS steps, ${answerJson(sql`a`)} AS answer
    FROM (${source}) e LEFT JOIN answers a ON a.id = e.answer_id`;

/** Episodes of a predict run by question. */
export const selectEpisodesOfQuestions = (
  db: Queries,
  runId: string,
  questionIds: readonly string[],
): Promise<StoredEpisodeRow[]> =>
  selectStored(
    db,
    sql`SELECT * FROM episodes WHERE run_id = ${runId}::uuid AND phase = 'predict' AND question_id = ANY(${[...questionIds]}::text[])`,
  );

/** The first stored episode of each key that a predict run has. */
export const selectEpisodesByKey = (
  db: Queries,
  keys: readonly string[],
): Promise<StoredEpisodeRow[]> =>
  selectStored(
    db,
    sql`SELECT DISTINCT ON (key) * FROM episodes WHERE project_id = ${DEFAULT_PROJECT}::uuid AND phase = 'predict' AND key = ANY(${[...keys]}::text[]) ORDER BY key, ordinal`,
  );

/** Stored answers by cache key; the first one stored where machines disagreed. Keys without an answer are left out. */
export const selectAnswersByKey = (db: Queries, keys: readonly string[]) =>
  queryRows(db, storedAnswerSchema, { check: "first" })`
    SELECT DISTINCT ON (key) key, generator, prompt_style AS "promptStyle", text, seconds, usage FROM answers
    WHERE project_id = ${DEFAULT_PROJECT}::uuid AND key = ANY(${[...keys]}::text[]) ORDER BY key, id`;

/** Stored scores of a judge for answers to the questions of a set, by the answers' keys; what was not judged is absent. */
export const selectJudgeScores = (
  db: Queries,
  setId: string,
  scorer: string,
  answers: WorkerRequest<"findVerdicts">["answers"],
): Promise<StoredVerdict[]> =>
  queryRows(db, judgeScoreSchema, { check: "first" })`
    SELECT a.key, a.text, s.question_id AS "questionId", s.value
    FROM (SELECT DISTINCT key, "questionId" FROM jsonb_to_recordset(${toJson(answers)}::jsonb) AS r(key text, "questionId" text)) r
    JOIN answers a ON a.project_id = ${DEFAULT_PROJECT}::uuid AND a.key = r.key
    JOIN scores s ON s.answer_id = a.id AND s.set_id = ${setId}::uuid AND s.question_id = r."questionId" AND s.scorer = ${scorer}`;

/** Questions that a predict run has answered, in the order of their ids. @param after null: from the first */
export const selectAnsweredQuestions = (
  db: Queries,
  runId: string,
  after: string | null,
  limit: number,
) =>
  queryRows(db, answeredQuestionSchema, { check: "first" })`
    SELECT question_id AS "questionId", cardinality(context_ids) AS documents FROM episodes
    WHERE run_id = ${runId}::uuid AND phase = 'predict' AND (${after}::text IS NULL OR question_id > ${after}) ORDER BY question_id LIMIT ${limit}`;

/** Questions that an evaluate run has ranked, in the order of their ids, with the ranks of their gold documents. */
export const selectRankedQuestions = (
  db: Queries,
  runId: string,
  after: string | null,
  limit: number,
) =>
  queryRows(db, rankedQuestionSchema, { check: "first" })`
    SELECT e.question_id AS "questionId",
      ARRAY(SELECT DISTINCT array_position(s.document_ids, g.id) FROM unnest(q.gold_ids) AS g(id) WHERE array_position(s.document_ids, g.id) IS NOT NULL ORDER BY 1) AS ranks
    FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id JOIN steps s ON s.episode_id = e.id AND s.index = 0
    WHERE e.run_id = ${runId}::uuid AND e.method = 'retrieval' AND (${after}::text IS NULL OR e.question_id > ${after}) ORDER BY e.question_id LIMIT ${limit}`;

/** What a predict run has answered, in the order of the questions' ids, with the scores of each answer. */
export const selectStoredBaselines = (
  db: Queries,
  runId: string,
  after: string | null,
  limit: number,
) =>
  queryRows(db, storedBaselineRowSchema, { check: "first" })`
    SELECT e.question_id AS "questionId", q.question, q.options, q.answers AS golds, r.executor = 'external' AS imported, ${answerJson(sql`a`)} AS answer,
      coalesce((SELECT json_agg(json_build_object('scorer', s.scorer, 'value', s.value) ORDER BY s.id) FROM scores s
        WHERE s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id), '[]'::json) AS scores
    FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id JOIN answers a ON a.id = e.answer_id JOIN runs r ON r.id = e.run_id
    WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' AND e.sample_index = 0 AND (${after}::text IS NULL OR e.question_id > ${after})
    ORDER BY e.question_id LIMIT ${limit}`;

/** How many questions a predict run has stored with a score, by whatever attempt, and the sum of their scores. */
export const selectScoreSum = (db: Queries, runId: string) =>
  queryRow(db, scoreSumSchema)`
    SELECT count(*)::int AS scored, coalesce(sum(s.value), 0)::float8 AS sum FROM episodes e JOIN scores s ON s.id = e.score_id
    WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict'`;
