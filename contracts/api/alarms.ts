import { z } from "zod";
import { alarmEvidenceSchema, alarmNameSchema } from "@/contracts/records/alarms";

const changeSchema = z.object({ step: z.int(), at: z.date() });

const alarmRowSchema = z.object({
  name: alarmNameSchema,
  /** First step that belongs to it. */
  since: z.int(),
  /** After which step it was noticed, and when that was stored. */
  raised: changeSchema,
  /** Null: it is still raised. */
  cleared: changeSchema.nullable(),
  evidence: z.array(alarmEvidenceSchema),
});

export type AlarmRow = z.infer<typeof alarmRowSchema>;

export const listAlarmsRequestSchema = z.object({ runId: z.uuid() });

/** The one raised last comes first. */
export const listAlarmsResponseSchema = z.array(alarmRowSchema);
