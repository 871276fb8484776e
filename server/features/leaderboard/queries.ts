import { z } from "zod";
import {
  attributionSharesSchema,
  leaderboardResponseSchema,
  typeMeansSchema,
} from "@/contracts/api/leaderboard";
import type { TypeMean } from "@/core/statistics/mean-by-type";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import { runStateSchema } from "@/contracts/records/run-state";
import {
  buildScorerFamily,
  buildScorerVersion,
  JUDGING_SCORERS,
} from "@/server/features/scoring/judging-scorers-sql";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRows, sql } from "@/server/platform/db/query";

/** The statements of results and their statistics. */

/** How many answers of a result were lost where. */
export type AttributionCounts = z.infer<typeof attributionSharesSchema>;

/** Runs whose statistics are out of date, those that wait longest first. */
export const selectStaleRuns = (db: Queries) =>
  queryRows(db, z.object({ runId: z.string(), since: z.string(), ended: z.boolean() }))`
    SELECT s.run_id AS "runId", s.since::text, r.state IN ('succeeded', 'failed', 'cancelled') AS ended
    FROM stale_statistics s JOIN runs r ON r.id = s.run_id ORDER BY s.since`;

/** Removes the mark that a run's statistics are out of date, unless it was set anew since. */
export async function deleteStaleMark(db: Queries, runId: string, since: string): Promise<void> {
  await db.$executeRaw`DELETE FROM stale_statistics WHERE run_id = ${runId}::uuid AND since = ${since}::timestamptz`;
}

const tallySchema = z.object({
  setId: z.string(),
  generator: z.string(),
  promptStyle: z.string(),
  scorer: z.string(),
  corpus: z.string(),
  scored: z.int(),
  ordinals: z.array(z.int()),
  values: z.array(z.number()),
  searches: z.number().nullable(),
  documents: z.number(),
  seconds: z.number(),
  tokens: z.number().nullable(),
  costUsd: z.number().nullable(),
  attribution: jsonColumn<AttributionCounts>(),
  /** Of the judge, and how many of them said neither yes nor no. */
  replies: z.int(),
  unread: z.int(),
});
/** What is known of a run's answers by one scorer: the scores by question, means, and where answers were lost. */
export type Tally = z.infer<typeof tallySchema>;

/** Tallies of a run, one for each set, generator and scorer. */
export const selectTallies = (db: Queries, runId: string): Promise<Tally[]> =>
  queryRows(db, tallySchema, { check: "first" })`
    WITH answered AS MATERIALIZED (
      SELECT e.id, coalesce(e.steps_of, e.id) AS steps_of, e.set_id, e.question_id, e.corpus, e.searches, cardinality(e.context_ids) AS documents, e.attribution, e.context_ids, q.ordinal, q.gold_ids, a.id AS answer_id, a.generator, a.prompt_style,
        a.seconds + coalesce((SELECT sum(s.seconds) FROM steps s WHERE s.episode_id = coalesce(e.steps_of, e.id)), 0) AS seconds,
        CASE WHEN e.usage IS NOT NULL OR a.usage IS NOT NULL THEN coalesce((e.usage ->> 'promptTokens')::float8 + (e.usage ->> 'completionTokens')::float8, 0) + coalesce((a.usage ->> 'promptTokens')::float8 + (a.usage ->> 'completionTokens')::float8, 0) END AS tokens,
        CASE WHEN e.usage IS NOT NULL OR a.usage IS NOT NULL THEN CASE WHEN e.usage IS NULL THEN 0 ELSE (e.usage ->> 'costUsd')::float8 END + CASE WHEN a.usage IS NULL THEN 0 ELSE (a.usage ->> 'costUsd')::float8 END END AS cost_usd
      FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id JOIN answers a ON a.id = e.answer_id
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict'
    ), scored AS MATERIALIZED (
      SELECT t.*, s.scorer, s.value,
        s.scorer ~ ${JUDGING_SCORERS} AND ${buildScorerVersion(sql`s.scorer`)} = max(${buildScorerVersion(sql`s.scorer`)}) OVER (PARTITION BY t.id, ${buildScorerFamily(sql`s.scorer`)}) AS judges
      FROM answered t JOIN scores s ON s.answer_id = t.answer_id AND s.set_id = t.set_id AND s.question_id = t.question_id AND s.scorer NOT LIKE 'unread/%'
    ), judged AS (
      SELECT t.set_id, t.generator, t.prompt_style, substr(s.scorer, length('unread/') + 1) AS scorer, count(*)::int AS replies, (count(*) FILTER (WHERE s.value >= 1))::int AS unread
      FROM answered t JOIN scores s ON s.answer_id = t.answer_id AND s.set_id = t.set_id AND s.question_id = t.question_id AND s.scorer LIKE 'unread/%' GROUP BY 1, 2, 3, 4
    ), doubted AS (
      SELECT *, bool_or(value >= 0.5) FILTER (WHERE judges) OVER same AND bool_or(value < 0.5) FILTER (WHERE judges) OVER same AS doubtful
      FROM scored WINDOW same AS (PARTITION BY id)
    ), placed AS (
      SELECT *, CASE
        WHEN value >= 1 THEN 'correct'
        WHEN coalesce(doubtful, false) THEN 'scorer-doubtful'
        WHEN attribution IS NOT NULL AND attribution <> 'correct' THEN attribution
        WHEN cardinality(gold_ids) = 0 THEN 'no-gold'
        WHEN gold_ids <@ context_ids THEN 'generator-failed'
        WHEN gold_ids <@ ARRAY(SELECT unnest(s.document_ids) FROM steps s WHERE s.episode_id = doubted.steps_of) THEN 'not-selected'
        ELSE 'never-retrieved' END AS place
      FROM doubted
    )
    SELECT set_id AS "setId", generator, prompt_style AS "promptStyle", scorer, min(corpus) AS corpus, count(*)::int AS scored,
      coalesce(max(j.replies), 0) AS replies, coalesce(max(j.unread), 0) AS unread,
      array_agg(ordinal ORDER BY ordinal) AS ordinals, array_agg(value ORDER BY ordinal) AS values,
      avg(searches)::float8 AS searches, avg(documents)::float8 AS documents, avg(seconds)::float8 AS seconds, avg(tokens)::float8 AS tokens,
      CASE WHEN count(cost_usd) = count(*) THEN avg(cost_usd)::float8 END AS "costUsd",
      jsonb_build_object('correct', count(*) FILTER (WHERE place = 'correct'), 'scorerDoubtful', count(*) FILTER (WHERE place = 'scorer-doubtful'), 'neverRetrieved', count(*) FILTER (WHERE place = 'never-retrieved'),
        'notSelected', count(*) FILTER (WHERE place = 'not-selected'), 'generatorFailed', count(*) FILTER (WHERE place = 'generator-failed'), 'noGold', count(*) FILTER (WHERE place = 'no-gold'),
        'withGold', count(*) FILTER (WHERE cardinality(gold_ids) > 0 AND gold_ids <@ context_ids), 'withGoldCorrect', count(*) FILTER (WHERE cardinality(gold_ids) > 0 AND gold_ids <@ context_ids AND value >= 1)) AS attribution
    FROM placed LEFT JOIN judged j USING (set_id, generator, prompt_style, scorer) GROUP BY set_id, generator, prompt_style, scorer`;

/** Removes statistics of a run for which there is no tally any more. */
export async function deleteOutdatedStatistics(
  db: Queries,
  runId: string,
  tallies: readonly Tally[],
): Promise<void> {
  await db.$executeRaw`
    DELETE FROM run_statistics WHERE run_id = ${runId}::uuid AND (set_id::text, generator, prompt_style, scorer) NOT IN
      (SELECT * FROM unnest(${tallies.map((t) => t.setId)}::text[], ${tallies.map((t) => t.generator)}::text[], ${tallies.map((t) => t.promptStyle)}::text[], ${tallies.map((t) => t.scorer)}::text[]))`;
}

/** Stores statistics under a new version. @param scores as question-scores.ts encodes them */
export async function upsertStatistics(
  db: Queries,
  runId: string,
  tally: Tally,
  figures: {
    mean: number;
    low: number;
    high: number;
    clusters: number | null;
    types: readonly TypeMean[];
  },
  scores: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO run_statistics (run_id, set_id, generator, prompt_style, scorer, corpus, answered, scored, mean, low, high, clusters, searches, documents, seconds, tokens, cost_usd, attribution, outcomes, types, replies, unread)
    VALUES (${runId}::uuid, ${tally.setId}::uuid, ${tally.generator}, ${tally.promptStyle}, ${tally.scorer}, ${tally.corpus},
      (SELECT count(*) FROM episodes WHERE run_id = ${runId}::uuid AND set_id = ${tally.setId}::uuid AND phase = 'predict'), ${tally.scored}, ${figures.mean}, ${figures.low}, ${figures.high}, ${figures.clusters}::int,
      ${tally.searches}::float8, ${tally.documents}, ${tally.seconds}, ${tally.tokens}::float8, ${tally.costUsd}::float8, ${toJson(tally.attribution)}::jsonb, ${scores}, ${toJson(figures.types)}::jsonb, ${tally.replies}, ${tally.unread})
    ON CONFLICT (run_id, set_id, generator, prompt_style, scorer) DO UPDATE SET corpus = excluded.corpus, answered = excluded.answered, scored = excluded.scored, mean = excluded.mean, low = excluded.low, high = excluded.high,
      clusters = excluded.clusters, searches = excluded.searches, documents = excluded.documents, seconds = excluded.seconds, tokens = excluded.tokens, cost_usd = excluded.cost_usd, attribution = excluded.attribution,
      outcomes = excluded.outcomes, types = excluded.types, replies = excluded.replies, unread = excluded.unread, version = DEFAULT, updated_at = now()`;
}

const questionKindsRowSchema = z.object({
  group: z.string().nullable(),
  type: z.string().nullable(),
});

/** Group and type of each question of a set, in their order; null where a question names none. */
export const selectQuestionKinds = (db: Queries, setId: string) =>
  queryRows(db, questionKindsRowSchema, { check: "first" })`
    SELECT group_name AS "group", type FROM questions WHERE set_id = ${setId}::uuid ORDER BY ordinal`;

/** Encoded scores by version of their statistics; a version that is gone is left out. */
export async function selectEncodedScores(
  db: Queries,
  versions: readonly string[],
): Promise<{ version: string; scores: Uint8Array }[]> {
  const rows = await db.runStatistics.findMany({
    where: { version: { in: versions.map(BigInt) } },
    select: { version: true, outcomes: true },
  });
  return rows.map(({ version, outcomes }) => ({ version: String(version), scores: outcomes }));
}

/** Statistics of one run by one scorer, with what its run and question set say. */
export const runResultSchema = z.object({
  setId: z.string(),
  config: jsonColumn<unknown>(),
  questionSet: z.string(),
  questionSetVersion: z.string(),
  /** Questions of the whole set. */
  questions: z.int(),
  corpus: z.string(),
  corpusVersion: z.string().nullable(),
  fetchDays: z.string().nullable(),
  generator: z.string(),
  promptStyle: z.string(),
  scorer: z.string(),
  importedFrom: z.string().nullable(),
  answered: z.int(),
  scored: z.int(),
  mean: z.number(),
  low: z.number(),
  high: z.number(),
  searches: z.number().nullable(),
  documents: z.number(),
  types: typeMeansSchema,
  replies: z.int(),
  unread: z.int(),
  version: z.string(),
});

/** The first and the last day (UTC) on which an online search fetched what a run's episodes hold; null: it searched a corpus. */
const FETCH_DAYS = sql`CASE WHEN r.config #>> '{retriever,kind}' = 'online' THEN (
    SELECT concat_ws(' to ', min(day)::text, nullif(max(day), min(day))::text) FROM episodes e JOIN steps s ON s.episode_id = coalesce(e.steps_of, e.id), LATERAL (SELECT (s.fetched_at AT TIME ZONE 'UTC')::date AS day) d WHERE e.run_id = rs.run_id AND s.fetched_at IS NOT NULL) END`;

/** The columns of `runResultSchema`, of run_statistics `rs`, runs `r` and question_sets `qs`. */
export const RUN_RESULT_COLUMNS = sql`rs.set_id AS "setId", r.config, qs.name AS "questionSet", qs.content_hash AS "questionSetVersion", qs.questions, rs.corpus, r.corpus_version AS "corpusVersion", ${FETCH_DAYS} AS "fetchDays",
  rs.generator, rs.prompt_style AS "promptStyle", rs.scorer, r.imported_from AS "importedFrom", rs.answered, rs.scored, rs.mean, rs.low, rs.high, rs.searches, rs.documents, rs.types, rs.replies, rs.unread, rs.version::text AS version`;

const storedResultSchema = runResultSchema.extend({
  runId: z.string(),
  state: runStateSchema,
  createdAt: z.date(),
  clusters: z.int().nullable(),
  seconds: z.number(),
  tokens: z.number().nullable(),
  costUsd: z.number().nullable(),
  attribution: attributionSharesSchema,
  /** Recorded elsewhere, to show what the pages are for. */
  example: z.boolean(),
  /** Questions that could not be answered. */
  failed: z.int(),
  /** Of the gold documents: questions that name some; null for other methods. */
  withGold: z.int().nullable(),
});
/** A result as the leaderboard shows it. */
export type StoredResult = z.infer<typeof storedResultSchema>;

/** Statistics of every predict run, the newest run first. */
export const selectResults = (db: Queries): Promise<StoredResult[]> =>
  queryRows(db, storedResultSchema, { check: "first" })`
    SELECT rs.run_id AS "runId", r.state, r.created_at AS "createdAt", ${RUN_RESULT_COLUMNS}, rs.clusters, rs.seconds, rs.tokens, rs.cost_usd AS "costUsd", rs.attribution, r.created_by IS NOT DISTINCT FROM ${EXAMPLE_ACTOR} AS example,
      (SELECT count(*)::int FROM question_failures f WHERE f.run_id = rs.run_id AND f.set_id = rs.set_id
        AND NOT EXISTS (SELECT 1 FROM episodes e WHERE e.run_id = f.run_id AND e.set_id = f.set_id AND e.question_id = f.question_id AND e.phase = 'predict')) AS failed,
      CASE WHEN r.config ->> 'method' = 'gold' THEN (SELECT count(*)::int FROM questions q WHERE q.set_id = rs.set_id AND cardinality(q.gold_ids) > 0 AND (q.ordinal < (r.config ->> 'limit')::int) IS NOT FALSE) END AS "withGold"
    FROM run_statistics rs JOIN runs r ON r.id = rs.run_id JOIN question_sets qs ON qs.id = rs.set_id WHERE r.deleted_at IS NULL ORDER BY r.created_at DESC, r.id, qs.name, rs.scorer, rs.generator, rs.prompt_style`;

/** Predict runs that are still to bring results, in the order of the queue. */
export const selectActiveRuns = (db: Queries) =>
  queryRows(db, leaderboardResponseSchema.shape.active.element)`
    SELECT id AS "runId", name, config ->> 'method' AS method, config ->> 'questions' AS questions, state, progress FROM runs
    WHERE kind = 'predict' AND state IN ('queued', 'leased', 'preparing', 'running', 'pausing', 'paused', 'cancelling') ORDER BY queued_at`;

const unfinishedRunsRowSchema = z.object({
  runId: z.string(),
  config: jsonColumn<unknown>(),
  attempt: z.int(),
  questionSetVersion: z.string(),
  questions: z.int(),
  corpusVersion: z.string().nullable(),
});

/** Predict runs that are not cancelled and still to bring results, with the versions of set and corpus that they are pinned to. */
export const selectUnfinishedRuns = (db: Queries) =>
  queryRows(db, unfinishedRunsRowSchema)`
    SELECT r.id AS "runId", r.config, r.attempt, s.content_hash AS "questionSetVersion", s.questions, coalesce(r.corpus_version, o.corpus_version) AS "corpusVersion"
    FROM runs r JOIN run_question_sets p ON p.run_id = r.id JOIN question_sets s ON s.id = p.set_id LEFT JOIN runs o ON o.id = (r.config #>> '{reuse,episodesOf}')::uuid
    WHERE r.kind = 'predict' AND r.state IN ('queued', 'leased', 'preparing', 'running') ORDER BY r.created_at`;

const checkpointsRowSchema = z.object({
  id: z.string(),
  step: z.int(),
  runId: z.string(),
  runName: z.string(),
  config: jsonColumn<unknown>(),
});

/** Checkpoints with the run that each came from. */
export const selectCheckpoints = (db: Queries, ids: readonly string[]) =>
  queryRows(db, checkpointsRowSchema)`
    SELECT a.id, a.step, r.id AS "runId", r.name AS "runName", r.config FROM artifacts a JOIN runs r ON r.id = a.run_id WHERE a.id = ANY(${[...ids]}::uuid[])`;
