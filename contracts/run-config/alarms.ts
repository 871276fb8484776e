import { z } from "zod";
import { ALARM_MEANINGS } from "@/contracts/records/alarm-meanings";
import { alarmNameSchema, type AlarmName } from "@/contracts/records/alarms";
import { defineSetting } from "./setting";

/** Alarms are always raised; these switches decide which of them end a run. */
const switches = Object.fromEntries(
  alarmNameSchema.options.map((name) => [
    name,
    defineSetting(
      z.boolean().default(false),
      ALARM_MEANINGS[name].title,
      ALARM_MEANINGS[name].meaning,
    ),
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
