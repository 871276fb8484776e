import { z } from "zod";
import type { Answer } from "@/contracts/records/episode";
import type { QuestionFailure } from "@/contracts/worker-protocol/reports";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows, sql } from "@/server/platform/db/query";
import { buildRecordColumns } from "@/server/platform/db/record-columns";
import type { NewStepRow, StepRow } from "./step-rows";

/**
 * The SQL that stores what workers report. Rows go to the database as one JSON value and lists of ids come back as one:
 * a parameter or a row each costs the client more than the statement costs the database.
 */

// Made once: a schema compiles its check when it is first used, which takes longer than the check.
const idRowSchema = z.object({ id: z.string() });
const hashRowSchema = z.object({ hash: z.string() });
const freshScoresSchema = z.object({ fresh: jsonColumn<StoredScore[]>() });
const foundSchema = z.object({ found: z.int() });
const reuseSchema = z.object({
  sourceRunId: z.string().nullable(),
  setId: z.string().nullable(),
});

const answerIdSchema = z.object({ id: z.bigint(), key: z.string(), text: z.string() });

/** A stored answer: its id, and what it is found by. */
export type StoredAnswer = z.infer<typeof answerIdSchema>;

/** Stores answers in the order given, and returns those that were new. */
export const insertAnswers = (db: Queries, answers: readonly Answer[]): Promise<StoredAnswer[]> =>
  queryRows(db, answerIdSchema, { check: "first" })`
    INSERT INTO answers (project_id, key, generator, prompt_style, text, seconds, usage)
    SELECT ${DEFAULT_PROJECT}::uuid, a.key, a.generator, a."promptStyle", a.text, a.seconds, a.usage
    FROM jsonb_to_recordset(${toJson(answers)}::jsonb) AS a(key text, generator text, "promptStyle" text, text text, seconds real, usage jsonb) ORDER BY a.key
    ON CONFLICT (project_id, key, md5(text)) DO NOTHING
    RETURNING id, key, text`;

/** Ids of answers that are stored, by key and text. */
export const selectAnswerIds = (db: Queries, answers: readonly Answer[]): Promise<StoredAnswer[]> =>
  queryRows(db, answerIdSchema, { check: "first" })`
    SELECT s.id, s.key, s.text FROM jsonb_to_recordset(${toJson(answers)}::jsonb) AS a(key text, text text)
    JOIN answers s ON s.project_id = ${DEFAULT_PROJECT}::uuid AND s.key = a.key AND md5(s.text) = md5(a.text)`;

/** What a score is found by: ids of its answer and question, and the scorer. */
export interface ScoreKey {
  answer: string;
  question: string;
  scorer: string;
}
const scoreIdSchema = z.object({
  id: z.string(),
  answer: z.string(),
  question: z.string(),
  scorer: z.string(),
});
export type StoredScore = z.infer<typeof scoreIdSchema>;

/** Stores scores of answers to the questions of a set, and returns those that were new. */
export async function insertScores(
  db: Queries,
  setId: string,
  scores: readonly (ScoreKey & { value: number })[],
): Promise<StoredScore[]> {
  const row = await queryRow(db, freshScoresSchema)`
    WITH fresh AS (
      INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
      SELECT s.answer, ${setId}::uuid, s.question, s.scorer, s.value FROM jsonb_to_recordset(${toJson(scores)}::jsonb) AS s(answer bigint, question text, scorer text, value float8)
      ON CONFLICT (answer_id, set_id, question_id, scorer) DO NOTHING
      RETURNING id, answer_id, question_id, scorer
    )
    SELECT coalesce(json_agg(json_build_object('id', id::text, 'answer', answer_id::text, 'question', question_id, 'scorer', scorer)), '[]') AS fresh FROM fresh`;
  return row?.fresh ?? [];
}

/** Ids of scores that are stored. */
export const selectScoreIds = (
  db: Queries,
  setId: string,
  scores: readonly ScoreKey[],
): Promise<StoredScore[]> =>
  queryRows(db, scoreIdSchema, { check: "first" })`
    SELECT t.id::text, t.answer_id::text AS answer, t.question_id AS question, t.scorer FROM jsonb_to_recordset(${toJson(scores)}::jsonb) AS s(answer bigint, question text, scorer text)
    JOIN scores t ON t.answer_id = s.answer AND t.set_id = ${setId}::uuid AND t.question_id = s.question AND t.scorer = s.scorer`;

/** Columns of `episodes` that say how the searcher came to its context: they are the same in a run that reuses the episode. */
const TRAJECTORY_TYPES = {
  question_id: "text",
  phase: "text",
  sample_index: "int",
  key: "text",
  method: "text",
  protocol: "text",
  context_ids: "text[]",
  context_hashes: "text[]",
  context_scores: "float8[]",
  format_errors: "text[]",
  searches: "int",
  usage: "jsonb",
} as const;

/** Columns of `episodes` that say what was made of the context. */
const RESULT_TYPES = {
  answer_id: "bigint",
  score_id: "bigint",
  attribution: "text",
} as const;

/** Columns of `episodes` that only training and its baseline fill. */
const TRAINING_TYPES = {
  step: "int",
  baseline_ids: "text[]",
  baseline_hashes: "text[]",
  baseline_scores: "float8[]",
  baseline_answer_id: "bigint",
  baseline_score_id: "bigint",
  reward: "float8",
  reward_detail: "jsonb",
  advantage: "float8",
} as const;

const EPISODE_TYPES = {
  id: "uuid",
  ...TRAJECTORY_TYPES,
  ...RESULT_TYPES,
  ...TRAINING_TYPES,
} as const;
const REUSED_TYPES = { id: "uuid", question_id: "text", ...RESULT_TYPES } as const;

const EPISODE_COLUMNS = buildRecordColumns(EPISODE_TYPES, "e");
const TRAJECTORY_COLUMNS = buildRecordColumns(TRAJECTORY_TYPES, "e");
const RESULT_COLUMNS = buildRecordColumns(RESULT_TYPES, "g");
const REUSED_COLUMNS = buildRecordColumns(REUSED_TYPES, "g");

type Row<Types> = Record<Exclude<keyof Types, "id">, unknown> & { id: string };
/** A row of table `episodes` without what all episodes of a report share. */
export type EpisodeRow = Row<typeof EPISODE_TYPES>;
/** A row of table `episodes` without what it takes over from the episode that it reuses. */
export type ReusedEpisodeRow = Row<typeof REUSED_TYPES>;

/** A predict run keeps the first answer to a question. */
const KEEP_FIRST = sql`ON CONFLICT (run_id, set_id, question_id) WHERE phase = 'predict' DO NOTHING`;

/** Stores episodes of one report in their order. @returns ids of those that were new */
export async function insertEpisodes(
  db: Queries,
  { runId, attempt }: AttemptRef,
  { corpus, setId }: { corpus: string; setId: string },
  rows: readonly EpisodeRow[],
): Promise<ReadonlySet<string>> {
  const { names, definitions, values } = EPISODE_COLUMNS;
  const inserted = await queryRows(db, idRowSchema, { check: "first" })`
    INSERT INTO episodes (project_id, run_id, attempt, corpus, set_id, ${names})
    SELECT ${DEFAULT_PROJECT}::uuid, ${runId}::uuid, ${attempt}, ${corpus}, ${setId}::uuid, ${values}
    FROM ROWS FROM (jsonb_to_recordset(${toJson(rows)}::jsonb) AS (${definitions})) WITH ORDINALITY AS e(${names}, n)
    ORDER BY e.n ${KEEP_FIRST} RETURNING id`;
  return new Set(inserted.map(({ id }) => id));
}

/**
 * Stores episodes that share the trajectory and the steps of another run's, with answers of their own.
 * @returns for how many rows the other run has stored an episode of the question
 */
export async function insertReusedEpisodes(
  db: Queries,
  { runId, attempt }: AttemptRef,
  { sourceRunId, setId }: { sourceRunId: string; setId: string },
  rows: readonly ReusedEpisodeRow[],
): Promise<number> {
  const row = await queryRow(db, foundSchema)`
    WITH given AS MATERIALIZED (
      SELECT g.*, e.id AS source_id FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS g(${REUSED_COLUMNS.definitions}),
        -- One look-up a question: where a set is new to the planner's statistics, a join reads all episodes of the set.
        LATERAL (SELECT id FROM episodes WHERE run_id = ${sourceRunId}::uuid AND set_id = ${setId}::uuid AND phase = 'predict' AND question_id = g.question_id LIMIT 1) e
    ), fresh AS (
      INSERT INTO episodes (id, steps_of, project_id, run_id, attempt, corpus, set_id, ${TRAJECTORY_COLUMNS.names}, ${RESULT_COLUMNS.names})
      SELECT g.id, coalesce(e.steps_of, e.id), e.project_id, ${runId}::uuid, ${attempt}, e.corpus, ${setId}::uuid, ${TRAJECTORY_COLUMNS.values}, ${RESULT_COLUMNS.values}
      FROM given g JOIN episodes e ON e.id = g.source_id ${KEEP_FIRST}
    )
    SELECT count(*)::int AS found FROM given`;
  return row?.found ?? 0;
}

const STEP_COLUMNS = buildRecordColumns(
  {
    episode_id: "uuid",
    index: "smallint",
    kind: "text",
    turn: "smallint",
    seconds: "real",
    text: "text",
    prompt: "text",
    prompt_tokens: "int",
    completion_tokens: "int",
    token_ids: "int[]",
    token_mask: "smallint[]",
    token_logprobs: "real[]",
    token_entropies: "real[]",
    token_advantages: "real[]",
    document_ids: "text[]",
    document_hashes: "text[]",
    document_scores: "float8[]",
    selected: "text[]",
    implicit: "boolean",
    reason: "text",
    fetched_at: "timestamptz",
  } satisfies Record<keyof StepRow | "episode_id" | "index", string>,
  "s",
);

/** Stores steps of stored episodes. */
export async function insertSteps(
  db: Queries,
  steps: readonly (NewStepRow & { episode_id: string; index: number })[],
): Promise<void> {
  const { names, definitions, values } = STEP_COLUMNS;
  await db.$executeRaw`
    INSERT INTO steps (${names}) SELECT ${values} FROM jsonb_to_recordset(${toJson(steps)}::jsonb) AS s(${definitions})`;
}

/** Makes stored episodes findable: what lists filter by and search. To be called after their steps are stored. */
export async function indexEpisodes(db: Queries, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.$executeRaw`SELECT index_episodes(${[...ids]}::uuid[])::text`;
}

/** Those of the questions that a set does not hold. */
export async function selectMissingQuestions(
  db: Queries,
  setId: string,
  questionIds: readonly string[],
): Promise<string[]> {
  const rows = await queryRows(db, idRowSchema)`
    SELECT i.id FROM unnest(${[...questionIds]}::text[]) AS i(id) WHERE NOT EXISTS (SELECT 1 FROM questions q WHERE q.set_id = ${setId}::uuid AND q.id = i.id)`;
  return rows.map(({ id }) => id);
}

/** Those of the content hashes whose document is not stored. */
export async function selectMissingDocuments(
  db: Queries,
  hashes: readonly string[],
): Promise<string[]> {
  const rows = await queryRows(db, hashRowSchema)`
    SELECT h.hash FROM unnest(${[...hashes]}::text[]) AS h(hash) WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.hash = h.hash)`;
  return rows.map(({ hash }) => hash);
}

/** The run whose episodes a run reuses, and the version of a set that it answers; null: none. */
export const selectReuse = (db: Queries, runId: string, questions: string) =>
  queryRow(db, reuseSchema)`
    SELECT r.config->'reuse'->>'episodesOf' AS "sourceRunId", q.set_id AS "setId"
    FROM runs r LEFT JOIN run_question_sets q ON q.run_id = r.id AND q.name = ${questions} WHERE r.id = ${runId}::uuid`;

/** Stores failures, one a question; a further one of the same question replaces the reason and counts one more try. */
export async function upsertQuestionFailures(
  db: Queries,
  { runId, attempt }: AttemptRef,
  setId: string,
  failures: readonly QuestionFailure[],
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO question_failures (run_id, set_id, question_id, attempt, code, reason)
    SELECT ${runId}::uuid, ${setId}::uuid, f."questionId", ${attempt}, f.code, f.reason FROM jsonb_to_recordset(${toJson(failures)}::jsonb) AS f("questionId" text, code text, reason text)
    ON CONFLICT (run_id, set_id, question_id) DO UPDATE SET attempt = excluded.attempt, tries = question_failures.tries + 1, code = excluded.code, reason = excluded.reason, at = now()`;
}
