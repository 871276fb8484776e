import { z } from "zod";
import type {
  EpisodeDetail,
  episodeFilterSchema,
  listEpisodesRequestSchema,
} from "@/contracts/api/episodes";
import { episodeRowSchema, episodeStepsResponseSchema } from "@/contracts/api/episodes";
import { computeLineageCuts } from "@/core/run/attempt-lineage";
import { JUDGING_SCORERS } from "@/server/features/scoring/judging-scorers";
import type { Queries } from "@/server/platform/db/database";
import { buildLikePattern } from "@/server/platform/db/paging";
import {
  empty,
  join,
  jsonColumn,
  queryRow,
  queryRows,
  sql,
  type Sql,
} from "@/server/platform/db/query";
import { stepRowSchema, type StepRow } from "./step-rows";

/** The SQL that reads episodes for the pages. */

type ListRequest = z.output<typeof listEpisodesRequestSchema>;

/** The largest step there is: nothing of the attempt is cut off. */
const NO_CUT = 2_147_483_647;

/**
 * Joins episodes `e` with what survives of their run: an attempt that went on from a checkpoint replaces the later
 * steps of the attempts before it.
 */
export async function buildLineageJoin(db: Queries, runId: string): Promise<Sql> {
  const [run, attempts, phases] = await Promise.all([
    db.run.findUnique({ where: { id: runId }, select: { kind: true } }),
    db.attempt.findMany({ where: { runId }, select: { number: true, fromStep: true } }),
    db.episode.groupBy({ by: ["attempt", "phase"], where: { runId }, _min: { step: true } }),
  ]);
  const kind = run?.kind === "train" ? "train" : "other";
  const kept = phases.map(({ attempt, phase }) => {
    const firstSteps = new Map(
      phases.flatMap((row) =>
        row.phase === phase && row._min.step !== null
          ? [[row.attempt, row._min.step] as const]
          : [],
      ),
    );
    const cuts = computeLineageCuts(attempts, { kind, ownAxis: false, firstSteps });
    return { attempt, phase, cut: Math.min(NO_CUT, cuts.get(attempt) ?? -1) };
  });
  return sql`
    JOIN unnest(${kept.map((k) => k.attempt)}::int[], ${kept.map((k) => k.phase)}::text[], ${kept.map((k) => k.cut)}::int[]) AS kept(attempt, phase, cut)
    ON kept.attempt = e.attempt AND kept.phase = e.phase AND (e.step IS NULL OR e.step <= kept.cut)`;
}

/** Scorers that judge correctness themselves disagree about the answer, as the leaderboard's statistics count it. */
const IS_DOUBTFUL = sql`coalesce((SELECT bool_or(d.value >= 0.5) AND bool_or(d.value < 0.5) FROM scores d WHERE d.answer_id = e.answer_id AND d.set_id = e.set_id AND d.question_id = e.question_id AND d.scorer ~ ${JUDGING_SCORERS}), false)`;

/** The condition of a filter over episodes `e`, their score `s` and their baseline's score `b`. */
function buildFilter(filter: z.infer<typeof episodeFilterSchema>): Sql {
  switch (filter) {
    case "all":
      return sql`true`;
    case "correct":
      return sql`s.value >= 1`;
    case "wrong":
      return sql`s.value < 1`;
    case "gained":
      return sql`s.value > b.value`;
    case "lost":
      return sql`s.value < b.value`;
    case "format-errors":
      return sql`cardinality(e.format_errors) > 0`;
    case "no-variance":
      return sql`(e.step, e.attempt, e.set_id, e.question_id) IN (SELECT g.step, g.attempt, g.set_id, g.question_id FROM episodes g
        WHERE g.run_id = e.run_id AND g.phase = 'train' GROUP BY g.step, g.attempt, g.set_id, g.question_id HAVING count(*) > 1 AND min(g.reward) = max(g.reward)) AND e.phase = 'train'`;
    case "never-retrieved":
    case "not-selected":
    case "generator-failed":
      return sql`e.attribution = ${filter} AND NOT ${IS_DOUBTFUL}`;
    case "scorer-doubtful":
      return sql`s.value < 1 AND ${IS_DOUBTFUL}`;
  }
}

/** FROM and WHERE of the episodes that a request lists. */
function matchEpisodes(lineage: Sql, request: ListRequest): Sql {
  const conditions = [sql`e.run_id = ${request.runId}::uuid`, buildFilter(request.filter)];
  if (request.phase) conditions.push(sql`e.phase = ${request.phase}`);
  if (request.step !== undefined) conditions.push(sql`e.step = ${request.step}`);
  if (request.questionId !== undefined) conditions.push(sql`e.question_id = ${request.questionId}`);
  if (request.text) {
    const pattern = buildLikePattern(request.text);
    conditions.push(sql`(q.question ILIKE ${pattern} OR a.text ILIKE ${pattern})`);
  }
  return sql`
    FROM episodes e ${lineage} JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
    LEFT JOIN answers a ON a.id = e.answer_id LEFT JOIN scores s ON s.id = e.score_id LEFT JOIN scores b ON b.id = e.baseline_score_id
    WHERE ${join(conditions, " AND ")}`;
}

const listedEpisodeSchema = episodeRowSchema.extend({ ordinal: z.bigint() });
export type ListedEpisode = z.infer<typeof listedEpisodeSchema>;

/** The episodes that a request lists, beginning behind its cursor, and one more than a page holds. */
export const selectEpisodes = (
  db: Queries,
  lineage: Sql,
  request: ListRequest,
): Promise<ListedEpisode[]> => {
  const isNewest = request.order === "newest";
  const afterCursor = request.cursor
    ? sql`AND e.ordinal ${isNewest ? sql`<` : sql`>`} ${BigInt(request.cursor)}`
    : empty;
  return queryRows(db, listedEpisodeSchema)`
    SELECT e.id, e.ordinal, e.phase, e.step, e.question_id AS "questionId", q.question, e.sample_index AS "sampleIndex", a.text AS answer, s.value AS score,
      b.value AS "baselineScore", e.reward, e.advantage, e.searches, cardinality(e.context_ids) AS documents, e.attribution, e.format_errors AS "formatErrors"
    ${matchEpisodes(lineage, request)} ${afterCursor} ORDER BY e.ordinal ${isNewest ? sql`DESC` : sql`ASC`} LIMIT ${request.limit + 1}`;
};

/** How many episodes match a request, over all pages. */
export async function countEpisodes(
  db: Queries,
  lineage: Sql,
  request: ListRequest,
): Promise<number> {
  const row = await queryRow(db, z.object({ count: z.int() }))`
    SELECT count(*)::int AS count ${matchEpisodes(lineage, request)}`;
  return row?.count ?? 0;
}

/** Steps and phases of a run that have episodes, with means over them. */
export const selectStepSummaries = (
  db: Queries,
  lineage: Sql,
  runId: string,
): Promise<z.infer<typeof episodeStepsResponseSchema>> =>
  queryRows(db, episodeStepsResponseSchema.element)`
    SELECT e.phase, e.step, count(*)::int AS episodes, avg(e.reward) AS "meanReward", avg(s.value) AS accuracy, avg(b.value) AS "baselineAccuracy"
    FROM episodes e ${lineage} LEFT JOIN scores s ON s.id = e.score_id LEFT JOIN scores b ON b.id = e.baseline_score_id
    WHERE e.run_id = ${runId}::uuid GROUP BY e.phase, e.step ORDER BY e.step NULLS FIRST, e.phase`;

/** A stored answer as JSON, from the table under `alias` (a literal of ours); null where there is none. */
export const answerJson = (alias: Sql): Sql => sql`
  CASE WHEN ${alias}.id IS NOT NULL THEN jsonb_build_object('key', ${alias}.key, 'generator', ${alias}.generator, 'promptStyle', ${alias}.prompt_style, 'text', ${alias}.text, 'seconds', ${alias}.seconds)
    || CASE WHEN ${alias}.usage IS NULL THEN '{}' ELSE jsonb_build_object('usage', ${alias}.usage) END END`;
const scoreJson = (alias: Sql): Sql =>
  sql`CASE WHEN ${alias}.id IS NOT NULL THEN jsonb_build_object('scorer', ${alias}.scorer, 'value', ${alias}.value) END`;

export const idListSchema = z.array(z.string());
export const scoreListSchema = z.array(z.number().nullable());

/** An episode with all that belongs to it but its steps and texts. What the contract checks afterwards is unknown here. */
const episodeDetailRowSchema = z.object({
  id: z.string(),
  ordinal: z.bigint(),
  stepsOf: z.string(),
  runId: z.string(),
  attempt: z.int(),
  corpus: z.string(),
  setId: z.string(),
  questionId: z.string(),
  phase: episodeRowSchema.shape.phase,
  step: z.int().nullable(),
  sampleIndex: z.int(),
  key: z.string(),
  method: z.string(),
  protocol: z.string(),
  contextIds: idListSchema,
  contextHashes: idListSchema,
  contextScores: scoreListSchema,
  baselineIds: idListSchema.nullable(),
  baselineHashes: idListSchema.nullable(),
  baselineScores: scoreListSchema.nullable(),
  advantage: z.number().nullable(),
  attribution: z.string().nullable(),
  formatErrors: z.array(z.string()),
  questionSet: z.string(),
  question: jsonColumn<EpisodeDetail["question"]>(),
  reward: jsonColumn<unknown>(),
  usage: jsonColumn<unknown>(),
  answer: jsonColumn<unknown>(),
  score: jsonColumn<unknown>(),
  baselineAnswer: jsonColumn<unknown>(),
  baselineScore: jsonColumn<unknown>(),
});
export type EpisodeDetailRow = z.infer<typeof episodeDetailRowSchema>;

/** An episode; null where there is none of this id. */
export const selectEpisode = (db: Queries, id: string): Promise<EpisodeDetailRow | null> =>
  queryRow(db, episodeDetailRowSchema)`
    SELECT e.id, e.ordinal, coalesce(e.steps_of, e.id) AS "stepsOf", e.run_id AS "runId", e.attempt, e.corpus, e.set_id AS "setId", e.question_id AS "questionId", e.phase, e.step, e.sample_index AS "sampleIndex", e.key, e.method,
      e.protocol, e.context_ids AS "contextIds", e.context_hashes AS "contextHashes", e.context_scores AS "contextScores", e.baseline_ids AS "baselineIds",
      e.baseline_hashes AS "baselineHashes", e.baseline_scores AS "baselineScores", e.reward_detail AS reward, e.advantage, e.attribution, e.format_errors AS "formatErrors", e.usage,
      qs.name AS "questionSet",
      jsonb_build_object('id', q.id, 'question', q.question, 'answers', q.answers, 'goldIds', q.gold_ids, 'type', q.type, 'group', q.group_name, 'goldQueries', q.gold_queries) AS question,
      ${answerJson(sql`a`)} AS answer, ${scoreJson(sql`s`)} AS score, ${answerJson(sql`ba`)} AS "baselineAnswer", ${scoreJson(sql`bs`)} AS "baselineScore"
    FROM episodes e JOIN question_sets qs ON qs.id = e.set_id JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
    LEFT JOIN answers a ON a.id = e.answer_id LEFT JOIN scores s ON s.id = e.score_id
    LEFT JOIN answers ba ON ba.id = e.baseline_answer_id LEFT JOIN scores bs ON bs.id = e.baseline_score_id
    WHERE e.id = ${id}::uuid`;

/** Steps of an episode, in order. */
export const selectEpisodeSteps = (db: Queries, episodeId: string): Promise<StepRow[]> =>
  queryRows(db, stepRowSchema, {
    check: "first",
  })`SELECT * FROM steps WHERE episode_id = ${episodeId}::uuid ORDER BY index`;

type EpisodePlace = Pick<
  EpisodeDetailRow,
  "runId" | "phase" | "step" | "setId" | "questionId" | "ordinal"
>;

/** FROM and WHERE of the surviving episodes of the same run, phase and step. */
const matchSameStep = (lineage: Sql, { runId, phase, step }: EpisodePlace): Sql => sql`
  FROM episodes e ${lineage} LEFT JOIN scores s ON s.id = e.score_id
  WHERE e.run_id = ${runId}::uuid AND e.phase = ${phase} AND ${step === null ? sql`e.step IS NULL` : sql`e.step = ${step}`}`;

const siblingsRowSchema = z.object({
  id: z.string(),
  sampleIndex: z.int(),
  reward: z.number().nullable(),
  score: z.number().nullable(),
});

/** Samples of the same question in the same step, the episode itself included. */
export const selectSiblings = (
  db: Queries,
  lineage: Sql,
  place: EpisodePlace,
): Promise<EpisodeDetail["siblings"]> =>
  queryRows(db, siblingsRowSchema)`
    SELECT e.id, e.sample_index AS "sampleIndex", e.reward, s.value AS score ${matchSameStep(lineage, place)}
      AND e.set_id = ${place.setId}::uuid AND e.question_id = ${place.questionId} ORDER BY e.sample_index, e.ordinal`;

/** Id of the episode before or after one in its step; null at an end. */
export async function selectNeighbour(
  db: Queries,
  lineage: Sql,
  place: EpisodePlace,
  side: "previous" | "next",
): Promise<string | null> {
  const beside =
    side === "previous"
      ? sql`e.ordinal < ${place.ordinal} ORDER BY e.ordinal DESC`
      : sql`e.ordinal > ${place.ordinal} ORDER BY e.ordinal`;
  const row = await queryRow(db, z.object({ id: z.string() }))`
    SELECT e.id ${matchSameStep(lineage, place)} AND ${beside} LIMIT 1`;
  return row?.id ?? null;
}
