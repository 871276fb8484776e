import { z } from "zod";
import { alarmNameSchema, type AlarmChange, type AlarmEvidence } from "@/contracts/records/alarms";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { checkRows } from "@/server/platform/db/check-rows";
import type { Queries } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import { toJsonValue } from "@/server/platform/db/json";
import { jsonColumn } from "@/server/platform/db/query";

/** The statements of alarms. */

export async function insertAlarmChanges(
  db: Queries,
  ref: AttemptRef,
  changes: readonly AlarmChange[],
): Promise<void> {
  await db.alarmChange.createMany({
    data: changes.map((change) => ({
      runId: ref.runId,
      attempt: ref.attempt,
      name: change.name,
      step: change.step,
      raised: change.to === "raised",
      since: change.to === "raised" ? change.since : null,
      evidence: change.to === "raised" ? toJsonValue(change.evidence) : Prisma.DbNull,
    })),
  });
}

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
export async function selectAlarmChanges(
  db: Queries,
  runIds: readonly string[],
): Promise<StoredAlarmChange[]> {
  const rows = await db.alarmChange.findMany({
    where: { runId: { in: [...runIds] } },
    orderBy: [{ step: "asc" }, { attempt: "asc" }],
    omit: { raised: true },
  });
  return checkRows(rows, alarmChangeSchema);
}
