import { z } from "zod";
import { compareQuestionsResponseSchema } from "@/contracts/api/compare";
import { RUN_RESULT_COLUMNS, runResultSchema } from "@/server/features/leaderboard/queries";
import type { Queries } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import { buildLikePattern } from "@/server/platform/db/paging";
import { empty, join, queryRow, queryRows, sql, type Sql } from "@/server/platform/db/query";

/** The SQL that sets predict runs side by side. */

const comparedResultSchema = runResultSchema.extend({ id: z.string(), name: z.string() });
/** Statistics of one run by one scorer. */
export type ComparedResult = z.infer<typeof comparedResultSchema>;

/**
 * Statistics of runs by scorer: those of the scorer that the run was asked for first, its newest version before earlier ones,
 * then those over most questions.
 */
export const selectComparedResults = (
  db: Queries,
  runIds: readonly string[],
): Promise<ComparedResult[]> =>
  queryRows(db, comparedResultSchema)`
    SELECT r.id, r.name, ${RUN_RESULT_COLUMNS}
    FROM runs r JOIN run_statistics rs ON rs.run_id = r.id JOIN question_sets qs ON qs.id = rs.set_id
    WHERE r.id = ANY(${[...runIds]}::uuid[]) ORDER BY (rs.scorer LIKE (r.config ->> 'scorer') || '%') DESC, rs.scored DESC,
      split_part(rs.scorer, '/', 1), rs.scorer LIKE '%/upstream%', rs.scorer DESC`;

/** Which questions are meant: positions of runs that must be right or wrong, and a part of the texts. */
export interface QuestionMatch {
  runs: readonly string[];
  scorer: string;
  right: readonly number[];
  wrong: readonly number[];
  text?: string | undefined;
}

/** Alias of the i-th run's episodes, answers or scores; a literal of ours, never input. */
const alias = (letter: "e" | "a" | "s", i: number): Sql => Prisma.raw(`${letter}${i}`);

/** FROM and WHERE of the questions `q` that every run has answered and that match. */
function matchQuestions({ runs, scorer, right, wrong, text }: QuestionMatch): Sql {
  const tables = runs.map((run, i) => {
    const [e, a, s] = [alias("e", i), alias("a", i), alias("s", i)];
    return sql`JOIN episodes ${e} ON ${e}.run_id = ${run}::uuid AND ${e}.phase = 'predict' AND ${e}.set_id = q.set_id AND ${e}.question_id = q.id
      JOIN answers ${a} ON ${a}.id = ${e}.answer_id JOIN scores ${s} ON ${s}.answer_id = ${a}.id AND ${s}.set_id = q.set_id AND ${s}.question_id = q.id AND ${s}.scorer = ${scorer}`;
  });
  const conditions = [
    ...right.map((i) => sql`${alias("s", i)}.value >= 1`),
    ...wrong.map((i) => sql`${alias("s", i)}.value < 1`),
  ];
  if (text) {
    const pattern = buildLikePattern(text);
    const inAnswers = join(
      runs.map((_, i) => sql`${alias("a", i)}.text ILIKE ${pattern}`),
      " OR ",
    );
    conditions.push(sql`(q.question ILIKE ${pattern} OR ${inAnswers})`);
  }
  const where = conditions.length > 0 ? sql`WHERE ${join(conditions, " AND ")}` : empty;
  return sql`FROM questions q ${join(tables, " ")} ${where}`;
}

/** Matching questions after an ordinal, in the order of the set, with what each run made of them. */
export function selectComparedQuestions(
  db: Queries,
  match: QuestionMatch,
  { after, limit }: { after: number; limit: number },
) {
  const results = join(
    match.runs.map((_, i) => {
      const [e, a, s] = [alias("e", i), alias("a", i), alias("s", i)];
      return sql`jsonb_build_object('episodeId', ${e}.id, 'answer', ${a}.text, 'score', ${s}.value, 'searches', ${e}.searches, 'documents', cardinality(${e}.context_ids), 'attribution', ${e}.attribution)`;
    }),
  );
  return queryRows(
    db,
    compareQuestionsResponseSchema.shape.rows.element.extend({ ordinal: z.int() }),
  )`
    SELECT * FROM (SELECT q.ordinal, q.id, q.question, q.answers, jsonb_build_array(${results}) AS results ${matchQuestions(match)}) found
    WHERE ordinal > ${after} ORDER BY ordinal LIMIT ${limit}`;
}

/** How many questions match. */
export async function countComparedQuestions(db: Queries, match: QuestionMatch): Promise<number> {
  const row = await queryRow(db, z.object({ count: z.int() }))`
    SELECT count(*)::int AS count ${matchQuestions(match)}`;
  return row?.count ?? 0;
}
