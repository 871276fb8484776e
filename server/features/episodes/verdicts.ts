import type { StoredVerdict, WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import { setOfRun } from "@/server/features/question-sets/versions";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";

/** What a judge has said of answers to the questions of a run's version of a set, by the answers' keys; what it was not asked is absent. */
export async function findVerdicts(
  db: Queries,
  { runId, questions, scorer, answers }: WorkerRequest<"findVerdicts">,
): Promise<StoredVerdict[]> {
  const setId = await setOfRun(db, runId, questions);
  return db.$queryRaw<StoredVerdict[]>`
    SELECT a.key, a.text, s.question_id AS "questionId", s.value
    FROM (SELECT DISTINCT key, "questionId" FROM jsonb_to_recordset(${toJson(answers)}::jsonb) AS asked(key text, "questionId" text)) asked
    JOIN answers a ON a.project_id = ${DEFAULT_PROJECT}::uuid AND a.key = asked.key
    JOIN scores s ON s.answer_id = a.id AND s.set_id = ${setId}::uuid AND s.question_id = asked."questionId" AND s.scorer = ${scorer}`;
}
