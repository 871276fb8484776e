import { z } from "zod";
import {
  commonQuestionsResponseSchema,
  type CommonQuestionsRequest,
} from "@/contracts/api/episodes";
import type { Queries } from "@/server/platform/db/database";
import { buildLikePattern } from "@/server/platform/db/paging";
import { empty, queryRows, sql, type Sql } from "@/server/platform/db/query";
import { buildLineageJoin } from "./queries";

/** Of a packed episode: the bits of its score in thousandths, from 1; 0: not scored. */
const SCORE_BITS = 10;
const SCORE_MASK = 2 ** SCORE_BITS - 1;

/**
 * The newest episode of each question of a run, packed with its score into one number: an aggregate of it finds both in
 * one reading of the run's facts, where a join would read them again.
 */
async function selectNewest(
  db: Queries,
  runId: string,
  { step, questionId, setId }: CommonQuestionsRequest,
): Promise<Sql> {
  const lineage = await buildLineageJoin(db, runId);
  const upToStep = step === undefined ? empty : sql`AND (e.step IS NULL OR e.step <= ${step}::int)`;
  const ofQuestion = questionId === undefined ? empty : sql`AND e.question_id = ${questionId}`;
  const ofSet = setId === undefined ? empty : sql`AND e.set_id = ${setId}::uuid`;
  return sql`
    SELECT e.set_id, e.question_id, max(e.ordinal << ${SCORE_BITS}::int | coalesce(1 + (1000 * least(greatest(e.score, 0), 1))::int, 0)) AS packed
    FROM episode_facts e ${lineage} WHERE e.run_id = ${runId}::uuid ${upToStep} ${ofQuestion} ${ofSet} GROUP BY e.set_id, e.question_id`;
}

const { rows, ...counts } = commonQuestionsResponseSchema.shape;
const episode = rows.element.shape.a.shape;
const commonRowSchema = z.object({
  ...counts,
  ...rows.element.omit({ a: true, b: true }).shape,
  ...{ idA: episode.id, phaseA: episode.phase, stepA: episode.step, scoreA: episode.score },
  ...{ idB: episode.id, phaseB: episode.phase, stepB: episode.step, scoreB: episode.score },
});

/** The questions of the same set that two runs have both played, those where the scores differ most first. */
export async function selectCommonQuestions(
  db: Queries,
  request: CommonQuestionsRequest,
): Promise<z.infer<typeof commonQuestionsResponseSchema>> {
  const { a, b, limit } = request;
  const text = request.text?.trim();
  const [ofA, ofB] = await Promise.all([
    selectNewest(db, a, request),
    selectNewest(db, b, request),
  ]);
  // Asked of each common question, so that not all questions of all sets are read.
  const withText = text
    ? sql`WHERE (SELECT question FROM questions WHERE set_id = a.set_id AND id = a.question_id) ILIKE ${buildLikePattern(text)}`
    : empty;
  const found = await queryRows(db, commonRowSchema)`
    WITH a AS MATERIALIZED (${ofA}), b AS MATERIALIZED (${ofB}),
    pairs AS (SELECT a.set_id, a.question_id, a.packed AS a, b.packed AS b,
        CASE WHEN a.packed & ${SCORE_MASK}::int > 0 AND b.packed & ${SCORE_MASK}::int > 0 THEN abs((a.packed & ${SCORE_MASK}::int) - (b.packed & ${SCORE_MASK}::int)) ELSE 0 END AS difference
      FROM a JOIN b ON b.set_id = a.set_id AND b.question_id = a.question_id ${withText}),
    page AS (SELECT count(*) OVER ()::int AS total, count(*) FILTER (WHERE difference > 0) OVER ()::int AS differing, pairs.*
      FROM pairs ORDER BY difference DESC, a DESC LIMIT ${limit})
    SELECT page.total, page.differing, q.set_id AS "setId", q.id AS "questionId", q.question,
      fa.id AS "idA", fa.phase AS "phaseA", fa.step AS "stepA", fa.score AS "scoreA", fb.id AS "idB", fb.phase AS "phaseB", fb.step AS "stepB", fb.score AS "scoreB"
    FROM page JOIN questions q ON q.set_id = page.set_id AND q.id = page.question_id
      JOIN episode_facts fa ON fa.run_id = ${a}::uuid AND fa.ordinal = page.a >> ${SCORE_BITS}::int
      JOIN episode_facts fb ON fb.run_id = ${b}::uuid AND fb.ordinal = page.b >> ${SCORE_BITS}::int
    ORDER BY page.difference DESC, page.a DESC`;
  return {
    total: found[0]?.total ?? 0,
    differing: found[0]?.differing ?? 0,
    rows: found.map(({ setId, questionId, question, ...row }) => ({
      ...{ setId, questionId, question },
      a: { id: row.idA, phase: row.phaseA, step: row.stepA, score: row.scoreA },
      b: { id: row.idB, phase: row.phaseB, step: row.stepB, score: row.scoreB },
    })),
  };
}
