import { z } from "zod";
import {
  disagreementsResponseSchema,
  judgedRunsResponseSchema,
  scoreFailuresResponseSchema,
  scoreSummaryResponseSchema,
  unreadRepliesResponseSchema,
} from "@/contracts/api/scores";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows, sql } from "@/server/platform/db/query";

/** The SQL of scores, and of what people say of answers. */

/** The span rule's version that judges and people are compared with: the one that scored most of a run's answers, the newest of equals. */
export const selectSpanScorer = async (db: Queries, runId: string): Promise<string | null> =>
  (
    await queryRow(db, z.object({ scorer: z.string() }))`
      SELECT s.scorer FROM episodes e JOIN scores s ON s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' AND s.scorer ~ '^span/[0-9]+$' GROUP BY s.scorer ORDER BY count(*) DESC, s.scorer DESC LIMIT 1`
  )?.scorer ?? null;

/** The answer of episode `e` has not been given by a later try. */
const isUnanswered = sql`NOT EXISTS (SELECT 1 FROM episodes e WHERE e.run_id = f.run_id AND e.phase = 'predict' AND e.set_id = f.set_id AND e.question_id = f.question_id)`;

const answerCountsRowSchema = z.object({
  config: jsonColumn<unknown>(),
  /** Version of the set; null where there is none of its name. */
  setId: z.string().nullable(),
  /** Of the whole set. */
  questions: z.int(),
  answered: z.int(),
  failed: z.int(),
});

/** A run's configuration and question set, and how many questions it has answered and has failed to answer. */
export const selectAnswerCounts = (db: Queries, runId: string) =>
  queryRow(db, answerCountsRowSchema)`
    SELECT r.config, s.id AS "setId", coalesce(s.questions, 0) AS questions,
      (SELECT count(*)::int FROM episodes e WHERE e.run_id = r.id AND e.phase = 'predict' AND e.answer_id IS NOT NULL) AS answered,
      (SELECT count(*)::int FROM question_failures f WHERE f.run_id = r.id AND ${isUnanswered}) AS failed
    FROM runs r LEFT JOIN question_sets s ON s.id = coalesce((SELECT p.set_id FROM run_question_sets p WHERE p.run_id = r.id AND p.name = r.config ->> 'questions'),
      (SELECT n.id FROM question_sets n WHERE n.name = r.config ->> 'questions' ORDER BY n.created_at DESC LIMIT 1)) WHERE r.id = ${runId}::uuid`;

/** Scores of the run's answers that say whether a judge's reply could be read, `s`, with the judged scorer that they stand beside. */
const fromUnread = (runId: string) => sql`
  FROM episodes e JOIN scores s ON s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id
  WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' AND s.scorer LIKE 'unread/%'`;

/** How many of a judge's replies could not be read and count as no, by judged scorer. */
export const selectUnreadCounts = (db: Queries, runId: string) =>
  queryRows(db, scoreSummaryResponseSchema.shape.unread.element)`
    SELECT substr(s.scorer, length('unread/') + 1) AS scorer, count(*)::int AS replies, (count(*) FILTER (WHERE s.value >= 1))::int AS unread ${fromUnread(runId)}
    GROUP BY s.scorer ORDER BY s.scorer`;

/** Answers about which a judge said neither yes nor no, the first 1,000 in the order of the episodes. */
export const selectUnreadReplies = (db: Queries, runId: string) =>
  queryRows(db, unreadRepliesResponseSchema.element)`
    SELECT u.scorer, u.question_id AS "questionId", q.question, a.text AS answer
    FROM (SELECT substr(s.scorer, length('unread/') + 1) AS scorer, e.ordinal, e.set_id, e.question_id, e.answer_id ${fromUnread(runId)} AND s.value >= 1) u
    JOIN questions q ON q.set_id = u.set_id AND q.id = u.question_id JOIN answers a ON a.id = u.answer_id ORDER BY u.ordinal, u.scorer LIMIT 1000`;

/** Mean score of a run by scorer. */
export const selectScorerMeans = (db: Queries, runId: string) =>
  queryRows(db, scoreSummaryResponseSchema.shape.scorers.element)`
    SELECT s.scorer, count(*)::int AS scored, avg(s.value)::float8 AS mean
    FROM episodes e JOIN scores s ON s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id
    WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' AND s.scorer NOT LIKE 'unread/%' GROUP BY s.scorer ORDER BY s.scorer`;

/** Questions that a run could not answer and has not answered since, the first 1,000 in the order of the set. */
export const selectUnansweredFailures = (db: Queries, runId: string) =>
  queryRows(db, scoreFailuresResponseSchema.element)`
    SELECT f.question_id AS "questionId", q.question, f.code, f.reason, f.tries, f.attempt, f.at
    FROM question_failures f JOIN questions q ON q.set_id = f.set_id AND q.id = f.question_id
    WHERE f.run_id = ${runId}::uuid AND ${isUnanswered} ORDER BY q.ordinal LIMIT 1000`;

const answersToScoreRowSchema = z.object({
  answerId: z.bigint(),
  setId: z.string(),
  questionId: z.string(),
  text: z.string(),
  answers: z.array(z.string()),
  options: jsonColumn<MultipleChoice | null>(),
  /** Verdicts of judges by their stored names. */
  verdicts: jsonColumn<Record<string, number> | null>(),
});

/** Stored answers of a run with what is needed to score them without a model. */
export const selectAnswersToScore = (db: Queries, runId: string) =>
  queryRows(db, answersToScoreRowSchema, { check: "first" })`
    SELECT e.answer_id AS "answerId", e.set_id AS "setId", e.question_id AS "questionId", a.text, q.answers, q.options,
      (SELECT jsonb_object_agg(j.scorer, j.value) FROM scores j WHERE j.answer_id = e.answer_id AND j.set_id = e.set_id AND j.question_id = e.question_id AND j.scorer LIKE 'judge/%') AS verdicts
    FROM episodes e JOIN answers a ON a.id = e.answer_id JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict'`;

/** Stores scores that are not stored yet. @returns how many were new */
export const insertRuleScores = (
  db: Queries,
  scores: readonly {
    answer: string;
    set: string;
    question: string;
    scorer: string;
    value: number;
  }[],
): Promise<number> =>
  db.$executeRaw`
    INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
    SELECT s.answer, s.set, s.question, s.scorer, s.value FROM jsonb_to_recordset(${toJson(scores)}::jsonb) AS s(answer bigint, set uuid, question text, scorer text, value float8)
    ON CONFLICT (answer_id, set_id, question_id, scorer) DO NOTHING`;

/** Joins episodes `e` with a judge's score `j`, the span rule's `s` and the last label `l` of the same answer. */
const joinJudgeSpanAndLabel = (span: string) => sql`
  JOIN scores j ON j.answer_id = e.answer_id AND j.set_id = e.set_id AND j.question_id = e.question_id AND j.scorer LIKE 'judge/%'
  JOIN scores s ON s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id AND s.scorer = ${span}
  LEFT JOIN LATERAL (SELECT correct FROM score_labels x WHERE x.answer_id = e.answer_id AND x.set_id = e.set_id AND x.question_id = e.question_id ORDER BY x.at DESC LIMIT 1) l ON true`;

const judgedAnswersRowSchema = z.object({
  judge: z.string(),
  judged: z.number(),
  span: z.number(),
  label: z.boolean().nullable(),
});

/** Every answer of a run that a judge scored, with the span rule's score and what a person said of it. */
export const selectJudgedAnswers = (db: Queries, runId: string, span: string) =>
  queryRows(db, judgedAnswersRowSchema, { check: "first" })`
    SELECT j.scorer AS judge, j.value AS judged, s.value AS span, l.correct AS label
    FROM episodes e ${joinJudgeSpanAndLabel(span)} WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' ORDER BY j.scorer`;

/** Runs that a judge has scored, the newest first. */
export const selectJudgedRuns = (db: Queries) =>
  queryRows(db, judgedRunsResponseSchema.element)`
    SELECT r.id AS "runId", r.name, qs.name AS "questionSet", rs.scorer AS judge, rs.scored AS judged
    FROM run_statistics rs JOIN runs r ON r.id = rs.run_id JOIN question_sets qs ON qs.id = rs.set_id WHERE rs.scorer LIKE 'judge/%' AND r.deleted_at IS NULL ORDER BY r.created_at DESC, rs.scorer LIMIT 200`;

const disagreementSchema = disagreementsResponseSchema.shape.rows.element.extend({
  ordinal: z.bigint(),
  place: z.int(),
});

/**
 * Answers on which a judge and the span rule differ, after an ordinal, in the order of the episodes. `place` counts
 * episodes: all judges of one answer have the same one.
 */
export const selectDisagreements = (
  db: Queries,
  query: { runId: string; span: string; unlabelled: boolean; after: bigint; episodes: number },
) =>
  queryRows(db, disagreementSchema)`
    SELECT * FROM (SELECT dense_rank() OVER (ORDER BY e.ordinal)::int AS place, e.ordinal, e.id AS "episodeId", e.answer_id::text AS "answerId", e.set_id AS "setId", e.question_id AS "questionId",
      q.question, q.answers AS golds, a.text AS answer, j.scorer AS judge, j.value = 1 AS judged, s.value = 1 AS span, l.correct AS label
    FROM episodes e JOIN answers a ON a.id = e.answer_id JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id ${joinJudgeSpanAndLabel(query.span)}
    WHERE e.run_id = ${query.runId}::uuid AND e.phase = 'predict' AND j.value <> s.value AND e.ordinal > ${query.after} AND (NOT ${query.unlabelled}::boolean OR l.correct IS NULL)) found
    WHERE place <= ${query.episodes} ORDER BY ordinal, judge`;

/** Stores what a person says of an answer; a later word of the same person replaces an earlier one. */
export async function upsertLabel(
  db: Queries,
  label: {
    answerId: bigint;
    setId: string;
    questionId: string;
    labelledBy: string;
    correct: boolean;
  },
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO score_labels (answer_id, set_id, question_id, correct, labelled_by) VALUES (${label.answerId}, ${label.setId}::uuid, ${label.questionId}, ${label.correct}, ${label.labelledBy})
    ON CONFLICT (answer_id, set_id, question_id, labelled_by) DO UPDATE SET correct = excluded.correct, at = now()`;
}
