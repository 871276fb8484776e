import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { Queries } from "@/server/platform/db/database";

const PAGE = 5000;

/** A page of the questions that a predict run has stored already, in the order of their ids. */
export async function answeredQuestions(
  db: Queries,
  { runId, after }: WorkerRequest<"answeredQuestions">,
): Promise<WorkerResponse<"answeredQuestions">> {
  const questions = await db.$queryRaw<{ questionId: string; documents: number }[]>`
    SELECT question_id AS "questionId", cardinality(context_ids) AS documents FROM episodes
    WHERE run_id = ${runId}::uuid AND phase = 'predict' AND (${after}::text IS NULL OR question_id > ${after}) ORDER BY question_id LIMIT ${PAGE}`;
  return {
    questions,
    next: questions.length === PAGE ? (questions[PAGE - 1]?.questionId ?? null) : null,
  };
}

/** How many questions a predict run has stored with a score, by whatever attempt, and the sum of their scores. */
export async function storedAccuracy(
  db: Queries,
  runId: string,
): Promise<WorkerResponse<"storedAccuracy">> {
  const [row] = await db.$queryRaw<{ scored: number; sum: number }[]>`
    SELECT count(*)::int AS scored, coalesce(sum(s.value), 0)::float8 AS sum FROM episodes e JOIN scores s ON s.id = e.score_id WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict'`;
  return row ?? { scored: 0, sum: 0 };
}
