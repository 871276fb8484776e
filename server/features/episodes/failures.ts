import type { AttemptRef, ReportItem } from "@/contracts/worker-protocol/worker-protocol";
import { setOfRun } from "@/server/features/question-sets/versions";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";

/** Stores which questions could not be answered, with the last reason and the number of tries. */
export async function storeFailures(
  db: Queries,
  ref: AttemptRef,
  item: Extract<ReportItem, { kind: "failures" }>,
): Promise<void> {
  const setId = await setOfRun(db, ref.runId, item.questions);
  const latest = [
    ...new Map(item.failures.map((failure) => [failure.questionId, failure])).values(),
  ];
  await db.$executeRaw`
    INSERT INTO question_failures (run_id, set_id, question_id, attempt, code, reason)
    SELECT ${ref.runId}::uuid, ${setId}::uuid, f."questionId", ${ref.attempt}, f.code, f.reason FROM jsonb_to_recordset(${toJson(latest)}::jsonb) AS f("questionId" text, code text, reason text)
    ON CONFLICT (run_id, set_id, question_id) DO UPDATE SET attempt = excluded.attempt, tries = question_failures.tries + 1, code = excluded.code, reason = excluded.reason, at = now()`;
}
