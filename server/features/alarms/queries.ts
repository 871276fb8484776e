import { z } from "zod";
import { alarmNameSchema, type AlarmChange, type AlarmEvidence } from "@/contracts/records/alarms";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRows } from "@/server/platform/db/query";

/** The SQL of alarms. */

export const insertAlarmChanges = (
  db: Queries,
  ref: AttemptRef,
  changes: readonly AlarmChange[],
): Promise<number> => {
  const rows = changes.map((change) => ({ ...change, raised: change.to === "raised" }));
  return db.$executeRaw`
    INSERT INTO alarm_changes (run_id, attempt, name, step, raised, since, evidence)
    SELECT ${ref.runId}::uuid, ${ref.attempt}, c.name, c.step, c.raised, c.since, c.evidence
    FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS c(name text, step int, raised boolean, since int, evidence jsonb)`;
};

const alarmChangeSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  name: alarmNameSchema,
  step: z.int(),
  since: z.int().nullable(),
  evidence: jsonColumn<AlarmEvidence[] | null>(),
  at: z.date(),
});
export type StoredAlarmChange = z.infer<typeof alarmChangeSchema>;

/** Changes of these runs by step, then attempt. */
export const selectAlarmChanges = (
  db: Queries,
  runIds: readonly string[],
): Promise<StoredAlarmChange[]> =>
  queryRows(db, alarmChangeSchema)`
    SELECT run_id AS "runId", attempt, name, step, since, evidence, at FROM alarm_changes
    WHERE run_id = ANY(${runIds}::uuid[]) ORDER BY step, attempt`;
