import { z } from "zod";
import { questionSetVersionsResponseSchema } from "@/contracts/api/question-sets";
import type { MultipleChoice, QuestionRecord } from "@/contracts/formats/corpus-lines";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows, sql } from "@/server/platform/db/query";

/** The statements of question sets. */

const questionRowSchema = z.object({
  id: z.string(),
  ordinal: z.int(),
  question: z.string(),
  answers: z.array(z.string()),
  goldIds: z.array(z.string()),
  type: z.string().nullable(),
  group: z.string().nullable(),
  goldQueries: z.array(z.string()),
  options: jsonColumn<MultipleChoice | null>(),
});

/** A stored question, with its place in the set. */
export type QuestionRow = z.infer<typeof questionRowSchema>;

/** Questions of one version of a set whose text or answers match a LIKE pattern; null: all. */
const matchQuestions = (setId: string, pattern: string | null) => sql`
  FROM questions WHERE set_id = ${setId}::uuid
    AND (${pattern}::text IS NULL OR question ILIKE ${pattern} OR array_to_string(answers, ' ') ILIKE ${pattern})`;

/** Matching questions that stand after an ordinal, in the order of the file. */
export const selectQuestions = (
  db: Queries,
  query: { setId: string; pattern: string | null; after: number; limit: number | null },
): Promise<QuestionRow[]> =>
  queryRows(db, questionRowSchema, { check: "first" })`
    SELECT id, ordinal, question, answers, gold_ids AS "goldIds", type, group_name AS "group", gold_queries AS "goldQueries", options
    ${matchQuestions(query.setId, query.pattern)} AND ordinal > ${query.after} ORDER BY ordinal LIMIT ${query.limit}`;

/** How many questions of a set match. */
export async function countQuestions(
  db: Queries,
  setId: string,
  pattern: string | null,
): Promise<number> {
  const row = await queryRow(db, z.object({ count: z.int() }))`
    SELECT count(*)::int AS count ${matchQuestions(setId, pattern)}`;
  return row?.count ?? 0;
}

const choosableSchema = z.object({
  answers: z.array(z.string()),
  type: z.string().nullable(),
  hasGold: z.boolean(),
});

/** What questions are chosen by, of all of a version of a set, in the order of the file. */
export const selectChoosable = (
  db: Queries,
  setId: string,
): Promise<z.infer<typeof choosableSchema>[]> =>
  queryRows(db, choosableSchema, { check: "first" })`
    SELECT answers, type, cardinality(gold_ids) > 0 AS "hasGold" FROM questions WHERE set_id = ${setId}::uuid ORDER BY ordinal`;

/** Adds questions to a version of a set. */
export async function insertQuestions(
  db: Queries,
  setId: string,
  questions: readonly (QuestionRecord & { ordinal: number })[],
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO questions (set_id, id, ordinal, question, answers, gold_ids, type, group_name, gold_queries, options)
    SELECT ${setId}::uuid, q.id, q.ordinal, q.question, q.answers, q."goldIds", q.type, q."group", q."goldQueries", q.options
    FROM jsonb_to_recordset(${toJson(questions)}::jsonb) AS q(id text, ordinal int, question text, answers text[], "goldIds" text[], type text, "group" text, "goldQueries" text[], options jsonb)`;
}

/** The newest version of a set; null: there is none. */
export const selectNewest = (db: Queries, name: string) =>
  db.questionSet.findFirst({
    where: { projectId: DEFAULT_PROJECT, name },
    orderBy: { createdAt: "desc" },
    select: { id: true, contentHash: true },
  });

const correctionsSchema = z.object({
  count: z.int(),
  question: z.string().nullable(),
  before: z.array(z.string()).nullable(),
  after: z.array(z.string()).nullable(),
});

/** Questions of a version that another one asks, too, with other gold answers: how many, and the first of them. */
export async function selectCorrections(
  db: Queries,
  setId: string,
  earlierId: string,
): Promise<z.infer<typeof correctionsSchema>> {
  const row = await queryRow(db, correctionsSchema)`
    SELECT count(*)::int AS count, (array_agg(a.question ORDER BY a.ordinal))[1] AS question,
      (SELECT q.answers FROM questions q WHERE q.set_id = ${earlierId}::uuid AND q.question = (array_agg(a.question ORDER BY a.ordinal))[1] ORDER BY q.ordinal LIMIT 1) AS before,
      (SELECT q.answers FROM questions q WHERE q.set_id = ${setId}::uuid AND q.question = (array_agg(a.question ORDER BY a.ordinal))[1] ORDER BY q.ordinal LIMIT 1) AS after
    FROM questions a WHERE a.set_id = ${setId}::uuid
      AND EXISTS (SELECT FROM questions b WHERE b.set_id = ${earlierId}::uuid AND b.question = a.question)
      AND NOT EXISTS (SELECT FROM questions b WHERE b.set_id = ${earlierId}::uuid AND b.question = a.question AND b.answers = a.answers)`;
  return row ?? { count: 0, question: null, before: null, after: null };
}

/** Every version of a set, the newest first, with the number of runs that are pinned to it. */
export const selectVersions = (db: Queries, name: string, versionDigits: number) =>
  queryRows(db, questionSetVersionsResponseSchema.element)`
    SELECT left(s.content_hash, ${versionDigits}::int) AS version, s.questions, s.with_gold AS "withGold", s.created_at AS "createdAt", s.created_by AS "createdBy",
      (SELECT count(*)::int FROM run_question_sets r WHERE r.set_id = s.id) AS runs
    FROM question_sets s WHERE s.project_id = ${DEFAULT_PROJECT}::uuid AND s.name = ${name} ORDER BY s.created_at DESC`;

const setIdSchema = z.object({ id: z.string().nullable() });

/**
 * Id of the version of a set that a run is pinned to, else of the newest; null where there is no such set. Every report
 * asks for it, so it is one statement and no model's.
 * @param runId null: the newest
 */
export async function selectSetId(
  db: Queries,
  name: string,
  runId: string | null,
): Promise<string | null> {
  const row = await queryRow(db, setIdSchema)`
    SELECT coalesce((SELECT set_id FROM run_question_sets WHERE run_id = ${runId}::uuid AND name = ${name}),
      (SELECT id FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${name} ORDER BY created_at DESC LIMIT 1)) AS id`;
  return row?.id ?? null;
}

/** Pins a run to a version of each set: the one that `sourceRunId` is pinned to where there is one, else the newest. */
export async function insertPins(
  db: Queries,
  runId: string,
  names: readonly string[],
  sourceRunId: string | null,
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO run_question_sets (run_id, name, set_id)
    SELECT DISTINCT ON (s.name) ${runId}::uuid, s.name, coalesce(p.set_id, s.id)
    FROM question_sets s LEFT JOIN run_question_sets p ON p.run_id = ${sourceRunId}::uuid AND p.name = s.name
    WHERE s.project_id = ${DEFAULT_PROJECT}::uuid AND s.name = ANY(${[...names]}::text[]) ORDER BY s.name, s.created_at DESC`;
}
