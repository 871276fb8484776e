import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol";
import type { Queries } from "@/server/db/database";

const PAGE = 5000;

/** A page of the questions that a predict run has stored already, in the order of their ids. */
export async function answeredQuestions(db: Queries, { runId, after }: WorkerRequest<"answeredQuestions">): Promise<WorkerResponse<"answeredQuestions">> {
  const questions = await db.$queryRaw<{ questionId: string; documents: number }[]>`
    SELECT question_id AS "questionId", cardinality(context_ids) AS documents FROM episodes
    WHERE run_id = ${runId}::uuid AND phase = 'predict' AND (${after}::text IS NULL OR question_id > ${after}) ORDER BY question_id LIMIT ${PAGE}`;
  return { questions, next: questions.length === PAGE ? (questions[PAGE - 1]?.questionId ?? null) : null };
}
