import { z } from "zod";
import type { EpisodeDetail } from "@/contracts/api/episodes";
import { episodeRowSchema, episodeStepsResponseSchema } from "@/contracts/api/episodes";
import { episodePhaseSchema } from "@/contracts/records/episode";
import { computeLineageCuts } from "@/core/run/attempt-lineage";
import type { Queries } from "@/server/platform/db/database";
import { empty, jsonColumn, queryRow, queryRows, sql, type Sql } from "@/server/platform/db/query";
import { stepRowSchema, type StepRow } from "./step-rows";

/** The SQL that reads episodes for the pages. */

/** The largest step there is: nothing of the attempt is cut off. */
const NO_CUT = 2_147_483_647;

/**
 * Joins episodes or their facts `e` with what survives of their run: an attempt that went on from a checkpoint replaces the later
 * steps of the attempts before it.
 */
export async function buildLineageJoin(db: Queries, runId: string): Promise<Sql> {
  const attempts = await selectAttempts(db, runId);
  if (attempts.length <= 1) return empty;
  const kind = attempts[0]?.kind === "train" ? "train" : "other";
  const phases = await selectFirstSteps(db, runId);
  const kept = phases.map(({ attempt, phase }) => {
    const firstSteps = new Map(
      phases.flatMap((row) =>
        row.phase === phase && row.step !== null ? [[row.attempt, row.step] as const] : [],
      ),
    );
    const cuts = computeLineageCuts(attempts, { kind, ownAxis: false, firstSteps });
    return { attempt, phase, cut: Math.min(NO_CUT, cuts.get(attempt) ?? -1) };
  });
  return sql`
    JOIN unnest(${kept.map((k) => k.attempt)}::int[], ${kept.map((k) => k.phase)}::text[], ${kept.map((k) => k.cut)}::int[]) AS kept(attempt, phase, cut)
    ON kept.attempt = e.attempt AND kept.phase = e.phase AND (e.step IS NULL OR e.step <= kept.cut)`;
}

const attemptSchema = z.object({
  number: z.int(),
  fromStep: z.int().nullable(),
  kind: z.string(),
});

/** The attempts of a run, each with the run's kind. */
const selectAttempts = (db: Queries, runId: string) =>
  queryRows(db, attemptSchema)`
    SELECT a.number, a.from_step AS "fromStep", r.kind FROM attempts a JOIN runs r ON r.id = a.run_id WHERE a.run_id = ${runId}::uuid ORDER BY a.number`;

const firstStepSchema = z.object({
  attempt: z.int(),
  phase: episodePhaseSchema,
  step: z.int().nullable(),
});

/** The first step of each attempt in each phase; null where it has none. */
const selectFirstSteps = (db: Queries, runId: string) =>
  queryRows(db, firstStepSchema)`
    SELECT a.number AS attempt, p.phase, (SELECT min(step) FROM episode_facts WHERE run_id = a.run_id AND phase = p.phase AND attempt = a.number) AS step
    FROM attempts a, unnest(${episodePhaseSchema.options}::text[]) AS p(phase) WHERE a.run_id = ${runId}::uuid`;

/** Steps and phases of a run that have episodes, with means over them. */
export const selectStepSummaries = (
  db: Queries,
  lineage: Sql,
  runId: string,
): Promise<z.infer<typeof episodeStepsResponseSchema>> =>
  queryRows(db, episodeStepsResponseSchema.element)`
    SELECT e.phase, e.step, count(*)::int AS episodes, avg(e.reward) AS "meanReward", avg(e.score) AS accuracy, avg(e.baseline_score) AS "baselineAccuracy"
    FROM episode_facts e ${lineage}
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
  runId: z.string(),
  attempt: z.int(),
  /** How many attempts its run has. */
  attempts: z.int(),
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
  searches: z.int().nullable(),
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
    SELECT e.id, e.ordinal, e.run_id AS "runId", e.attempt, (SELECT count(*)::int FROM attempts WHERE attempts.run_id = e.run_id) AS attempts, e.corpus, e.set_id AS "setId", e.question_id AS "questionId", e.phase, e.step, e.sample_index AS "sampleIndex", e.key, e.method,
      e.protocol, e.context_ids AS "contextIds", e.context_hashes AS "contextHashes", e.context_scores AS "contextScores", e.baseline_ids AS "baselineIds",
      e.baseline_hashes AS "baselineHashes", e.baseline_scores AS "baselineScores", e.reward_detail AS reward, e.advantage, e.attribution, e.format_errors AS "formatErrors", e.searches, e.usage,
      qs.name AS "questionSet",
      jsonb_build_object('id', q.id, 'question', q.question, 'answers', q.answers, 'goldIds', q.gold_ids, 'type', q.type, 'group', q.group_name, 'goldQueries', q.gold_queries) AS question,
      ${answerJson(sql`a`)} AS answer, ${scoreJson(sql`s`)} AS score, ${answerJson(sql`ba`)} AS "baselineAnswer", ${scoreJson(sql`bs`)} AS "baselineScore"
    FROM episodes e JOIN question_sets qs ON qs.id = e.set_id JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
    LEFT JOIN answers a ON a.id = e.answer_id LEFT JOIN scores s ON s.id = e.score_id
    LEFT JOIN answers ba ON ba.id = e.baseline_answer_id LEFT JOIN scores bs ON bs.id = e.baseline_score_id
    WHERE e.id = ${id}::uuid`;

/** Steps of an episode, in order; where it shares another's, those. */
export const selectEpisodeSteps = (db: Queries, episodeId: string): Promise<StepRow[]> =>
  queryRows(db, stepRowSchema, {
    check: "first",
  })`SELECT * FROM steps WHERE episode_id = (SELECT coalesce(steps_of, id) FROM episodes WHERE id = ${episodeId}::uuid) ORDER BY index`;

type EpisodePlace = Pick<EpisodeDetailRow, "runId" | "phase" | "step" | "setId" | "questionId">;

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
    SELECT e.id, e.sample_index AS "sampleIndex", e.reward, s.value AS score
    FROM episodes e ${lineage} LEFT JOIN scores s ON s.id = e.score_id
    WHERE e.run_id = ${place.runId}::uuid AND e.phase = ${place.phase} AND ${place.step === null ? sql`e.step IS NULL` : sql`e.step = ${place.step}`}
      AND e.set_id = ${place.setId}::uuid AND e.question_id = ${place.questionId} ORDER BY e.sample_index, e.ordinal`;
