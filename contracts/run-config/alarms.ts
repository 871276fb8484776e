import { z } from "zod";
import { ALARMS, alarmNameSchema, type AlarmName } from "@/contracts/records/alarms";
import { about } from "./setting";

/** Alarms are always raised; these switches say which of them end a run. */
const switches = Object.fromEntries(
  alarmNameSchema.options.map((name) => [
    name,
    z.boolean().default(false).meta(about(ALARMS[name].title, ALARMS[name].meaning)),
  ]),
) as Record<AlarmName, z.ZodDefault<z.ZodBoolean>>;

export const alarmsSchema = z
  .strictObject({ stopOn: z.strictObject(switches).prefault({}) })
  .prefault({})
  .meta({
    title: "Stop on alarms",
    description:
      "Alarms are raised in any case. A run that is told to stop on one saves a checkpoint and ends as failed, with what was seen and what mends it.",
  });
export type AlarmsConfig = z.infer<typeof alarmsSchema>;
