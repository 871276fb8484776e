import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { Queries } from "@/server/platform/db/database";

const PAGE = 5000;

/** A page of the rankings that an evaluate run has stored already, in the order of question ids: the ranks of gold documents in each. */
export async function rankedQuestions(
  db: Queries,
  { runId, after }: WorkerRequest<"rankedQuestions">,
): Promise<WorkerResponse<"rankedQuestions">> {
  const questions = await db.$queryRaw<{ questionId: string; ranks: number[] }[]>`
    SELECT e.question_id AS "questionId",
      ARRAY(SELECT DISTINCT array_position(s.document_ids, g.id) FROM unnest(q.gold_ids) AS g(id) WHERE array_position(s.document_ids, g.id) IS NOT NULL ORDER BY 1) AS ranks
    FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id JOIN steps s ON s.episode_id = e.id AND s.index = 0
    WHERE e.run_id = ${runId}::uuid AND e.method = 'retrieval' AND (${after}::text IS NULL OR e.question_id > ${after}) ORDER BY e.question_id LIMIT ${PAGE}`;
  return {
    questions,
    next: questions.length === PAGE ? (questions[PAGE - 1]?.questionId ?? null) : null,
  };
}
