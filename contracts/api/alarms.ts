import { z } from "zod";
import { alarmEvidence, alarmName } from "@/contracts/records/alarms";

const change = z.object({ step: z.int(), at: z.date() });

export const alarmRow = z.object({
  name: alarmName,
  /** First step that belongs to it. */
  since: z.int(),
  /** After which step it was noticed, and when that was stored. */
  raised: change,
  /** Null: it stands. */
  cleared: change.nullable(),
  evidence: z.array(alarmEvidence),
});

export type AlarmRow = z.infer<typeof alarmRow>;

export const listAlarmsRequest = z.object({ runId: z.uuid() });

/** The one raised last comes first. */
export const listAlarmsResponse = z.array(alarmRow);
