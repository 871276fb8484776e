import { z } from "zod";
import type { CheckpointChoice } from "@/contracts/api/new-run";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import type { RunKind } from "@/contracts/records/run-state";
import type { Work } from "@/core/run/work";
import { DEFAULT_PROJECT, type Queries, type Statements } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";

/** The SQL of the form of a new run. */

const checkpointSchema = z.object({
  id: z.string(),
  step: z.int(),
  createdAt: z.date(),
  runId: z.string(),
  run: z.string(),
  model: z.string().nullable(),
});

/** Kept checkpoints of runs that are not deleted, the newest first, the chosen one before them in any case. */
export const selectCheckpoints = (
  db: Queries,
  chosen: string | null,
  limit: number,
): Promise<CheckpointChoice[]> =>
  queryRows(db, checkpointSchema)`
    SELECT a.id, a.step, a.created_at AS "createdAt", r.id AS "runId", r.name AS run, r.config #>> '{searcher,model}' AS model
    FROM artifacts a JOIN runs r ON r.id = a.run_id
    WHERE a.project_id = ${DEFAULT_PROJECT}::uuid AND a.kind = 'checkpoint' AND a.deleted_at IS NULL
      AND (r.deleted_at IS NULL OR a.id::text = ${chosen}::text)
    ORDER BY (a.id::text = ${chosen}::text) DESC NULLS LAST, a.created_at DESC LIMIT ${limit}`;

const pastRunSchema = z.object({
  config: z.unknown(),
  seconds: z.number(),
  worker: z.string().nullable(),
});

/** Runs of a kind that succeeded in one attempt with the same part of the configuration, the last first. */
export const selectPastRuns = (
  db: Queries,
  kind: RunKind,
  { like }: Work,
  limit: number,
): Promise<z.infer<typeof pastRunSchema>[]> =>
  queryRows(db, pastRunSchema)`
    SELECT r.config, extract(epoch FROM r.ended_at - r.started_at)::float8 AS seconds, w.name AS worker
    FROM runs r LEFT JOIN attempts a ON a.run_id = r.id AND a.number = r.attempt LEFT JOIN workers w ON w.id = a.worker_id
    WHERE r.project_id = ${DEFAULT_PROJECT}::uuid AND r.kind = ${kind} AND r.state = 'succeeded' AND r.attempt = 1 AND r.imported_from IS NULL
      AND r.started_at IS NOT NULL AND r.config @> ${toJson(like)}::jsonb
    ORDER BY r.ended_at DESC LIMIT ${limit}`;

const sourceSchema = z.object({ setId: z.uuid().nullable(), runs: z.string().nullable() });

/**
 * The newest set of a name, and a text of runs that changes where one of them does; null of either where there is no such
 * set, or where one of the runs goes on.
 */
export async function selectBaselineSource(
  db: Statements,
  set: string,
  runs: readonly string[],
): Promise<z.infer<typeof sourceSchema>> {
  const row = await queryRow(db, sourceSchema)`
    SELECT (SELECT id FROM question_sets WHERE name = ${set} ORDER BY created_at DESC LIMIT 1) AS "setId",
      (SELECT CASE WHEN bool_and(ended_at IS NOT NULL) THEN string_agg(concat_ws(' ', id, attempt, ended_at, purged_at), ',' ORDER BY id) END FROM runs WHERE id = ANY(${runs}::uuid[])) AS runs`;
  return row!;
}

const askedSchema = z.object({
  question: z.string(),
  answers: z.array(z.string()),
  type: z.string().nullable(),
  options: jsonColumn<MultipleChoice | null>(),
});
export type AskedQuestion = z.infer<typeof askedSchema>;

/** All questions of a version of a set, in the order of the file. */
export const selectSetQuestions = (
  db: Statements,
  setId: string | null,
): Promise<AskedQuestion[]> =>
  queryRows(db, askedSchema, { check: "first" })`
    SELECT question, answers, type, options FROM questions WHERE set_id = ${setId}::uuid ORDER BY ordinal`;

/** Questions that one of these runs has answered, of whatever set. */
export const selectAnsweredQuestions = (
  db: Statements,
  runs: readonly string[],
): Promise<AskedQuestion[]> =>
  queryRows(db, askedSchema, { check: "first" })`
    SELECT DISTINCT q.question, q.answers, q.type, q.options FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
    WHERE e.run_id = ANY(${runs}::uuid[]) AND e.phase = 'predict' AND e.answer_id IS NOT NULL`;
