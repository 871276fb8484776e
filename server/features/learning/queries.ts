import { z } from "zod";
import type { Queries } from "@/server/platform/db/database";
import { queryRow, queryRows, type Sql } from "@/server/platform/db/query";

/** The SQL of held-out evaluations. */

/** Surviving evaluations of a run with the number of questions that each has scored. @param lineage join of facts `e` with what survives */
export const selectEvaluations = (
  db: Queries,
  runId: string,
  lineage: Sql,
): Promise<{ step: number; scored: number }[]> =>
  queryRows(db, z.object({ step: z.int(), scored: z.int() }))`
    SELECT e.step, count(e.score)::int AS scored FROM episode_facts e ${lineage}
    WHERE e.run_id = ${runId}::uuid AND e.phase = 'held-out' AND e.step IS NOT NULL GROUP BY e.step ORDER BY e.step`;

const pairSumsSchema = z.object({
  from: z.number().nullable(),
  to: z.number().nullable(),
  /** Per group of questions: the summed differences, and how many questions. */
  clusters: z.array(z.object({ sum: z.number(), count: z.int() })).nullable(),
});

/** Two evaluations of a run on the questions that both have scored. A question without a group stands alone. */
export const selectEvaluationPairs = (
  db: Queries,
  runId: string,
  lineage: Sql,
  { fromStep, toStep }: { fromStep: number; toStep: number },
): Promise<z.infer<typeof pairSumsSchema> | null> =>
  queryRow(db, pairSumsSchema)`
    WITH scored AS (
      SELECT e.step, e.set_id, e.question_id, e.score AS value FROM episode_facts e ${lineage}
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'held-out' AND e.step IN (${fromStep}, ${toStep}) AND e.score IS NOT NULL),
    clusters AS (
      SELECT sum(b.value - a.value) AS sum, count(*)::int AS count, sum(a.value) AS first, sum(b.value) AS last
      FROM scored a JOIN scored b ON b.step = ${toStep} AND b.set_id = a.set_id AND b.question_id = a.question_id
      JOIN questions q ON q.set_id = a.set_id AND q.id = a.question_id
      WHERE a.step = ${fromStep} GROUP BY coalesce('g ' || q.group_name, 'q ' || q.id) ORDER BY coalesce('g ' || q.group_name, 'q ' || q.id))
    SELECT sum(first) / sum(count) AS "from", sum(last) / sum(count) AS "to", jsonb_agg(jsonb_build_object('sum', sum, 'count', count)) AS clusters FROM clusters`;

const passRatesRowSchema = z.object({
  setId: z.string(),
  questionId: z.string(),
  steps: z.array(z.int()),
  passed: z.array(z.int()),
  samples: z.array(z.int()),
});

/** Scored samples of each question by step, and how many of them are right. @param lineage join of facts `e` with what survives */
export const selectPassRates = (
  db: Queries,
  runId: string,
  phase: "train" | "held-out",
  lineage: Sql,
): Promise<z.infer<typeof passRatesRowSchema>[]> =>
  queryRows(db, passRatesRowSchema, { check: "first" })`
    WITH visits AS (
      SELECT e.set_id, e.question_id, e.step, count(*) FILTER (WHERE e.score >= 1)::int AS passed, count(*)::int AS samples
      FROM episode_facts e ${lineage}
      WHERE e.run_id = ${runId}::uuid AND e.phase = ${phase} AND e.step IS NOT NULL AND e.score IS NOT NULL GROUP BY e.set_id, e.question_id, e.step)
    SELECT set_id AS "setId", question_id AS "questionId", array_agg(step ORDER BY step) AS steps, array_agg(passed ORDER BY step) AS passed, array_agg(samples ORDER BY step) AS samples
    FROM visits GROUP BY set_id, question_id ORDER BY question_id, set_id`;

/** Texts of questions. */
export const selectQuestionTexts = (
  db: Queries,
  questions: readonly { setId: string; questionId: string }[],
) =>
  queryRows(db, z.object({ setId: z.string(), id: z.string(), question: z.string() }))`
    SELECT q.set_id AS "setId", q.id, q.question FROM questions q
    JOIN unnest(${questions.map((one) => one.setId)}::uuid[], ${questions.map((one) => one.questionId)}::text[]) AS wanted(set_id, id) ON wanted.set_id = q.set_id AND wanted.id = q.id`;
