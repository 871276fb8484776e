import { z } from "zod";
import { runStateSchema } from "@/contracts/records/run-state";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";

/** The SQL of evaluate runs and their stored rankings. */

const rankingRunsRowSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: runStateSchema,
  config: jsonColumn<unknown>(),
  setId: z.string().nullable(),
  ranked: z.int(),
  last: z.bigint().nullable(),
});

/** Runs with how many questions they have ranked and which ranking was stored last; null: none. */
export const selectRankingRuns = (db: Queries, runIds: readonly string[]) =>
  queryRows(db, rankingRunsRowSchema)`
    SELECT r.id, r.name, r.state, r.config, e."setId", coalesce(e.ranked, 0) AS ranked, e.last FROM runs r
    LEFT JOIN LATERAL (SELECT max(set_id::text)::uuid AS "setId", count(*)::int AS ranked, max(ordinal) AS last FROM episodes WHERE run_id = r.id AND method = 'retrieval') e ON true
    WHERE r.id = ANY(${[...runIds]}::uuid[])`;

const rankingsRowSchema = z.object({
  episodeId: z.string(),
  questionId: z.string(),
  question: z.string(),
  type: z.string().nullable(),
  group: z.string().nullable(),
  gold: z.int(),
  ranks: z.array(z.int()),
});

/** The questions that a run has ranked, in the order of the set, with the ranks of their gold documents. */
export const selectRankings = (db: Queries, runId: string) =>
  queryRows(db, rankingsRowSchema, { check: "first" })`
    SELECT e.id AS "episodeId", e.question_id AS "questionId", q.question, q.type, q.group_name AS "group",
      (SELECT count(DISTINCT g.id)::int FROM unnest(q.gold_ids) AS g(id)) AS gold,
      ARRAY(SELECT DISTINCT p.rank FROM (SELECT array_position(s.document_ids, g.id) AS rank FROM unnest(q.gold_ids) AS g(id)) p WHERE p.rank IS NOT NULL ORDER BY 1) AS ranks
    FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id JOIN steps s ON s.episode_id = e.id AND s.index = 0
    WHERE e.run_id = ${runId}::uuid AND e.method = 'retrieval' ORDER BY q.ordinal`;

/** How many of the first questions of a set there are, and how many of these name no gold documents. @param setId null: the newest version */
export async function countQuestions(
  db: Queries,
  { setId, name, limit }: { setId: string | null; name: string; limit: number },
): Promise<{ questions: number; withoutGold: number }> {
  const row = await queryRow(db, z.object({ questions: z.int(), withoutGold: z.int() }))`
    SELECT count(*)::int AS questions, (count(*) FILTER (WHERE cardinality(gold_ids) = 0))::int AS "withoutGold" FROM questions
    WHERE ordinal < ${limit} AND set_id = coalesce(${setId}::uuid,
      (SELECT id FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} ORDER BY created_at DESC LIMIT 1))`;
  return row ?? { questions: 0, withoutGold: 0 };
}

/** The last value of metrics of runs, as the newest attempt of each run reported it. */
export const selectLastValues = (
  db: Queries,
  runIds: readonly string[],
  names: readonly string[],
) =>
  queryRows(db, z.object({ runId: z.string(), name: z.string(), value: z.number() }))`
    SELECT DISTINCT ON (run_id, name) run_id AS "runId", name, last_value AS value FROM metric_series
    WHERE run_id = ANY(${[...runIds]}::uuid[]) AND name = ANY(${[...names]}::text[]) ORDER BY run_id, name, attempt DESC`;
