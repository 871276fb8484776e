import { z } from "zod";
import { ALARM_MEANINGS } from "@/contracts/records/alarm-meanings";
import { alarmNameSchema, type AlarmName } from "@/contracts/records/alarms";
import { defineLaterSetting, defineSetting } from "./setting";

/** Alarms that came after configurations were stored. */
const LATER = [
  "likelihood-displacement",
  "queries-alike",
  "dead-questions",
] as const satisfies readonly AlarmName[];
/** Alarms of commands, which no training run can stop on. */
const OF_COMMANDS = ["swallowed-errors"] as const satisfies readonly AlarmName[];
type LaterAlarm = (typeof LATER)[number];

/** Alarms are always raised; these switches decide which of them end a run. */
const defineSwitch = (name: AlarmName) =>
  defineSetting(
    z.boolean().default(false),
    ALARM_MEANINGS[name].title,
    ALARM_MEANINGS[name].meaning,
  );
const defineLaterSwitch = (name: AlarmName) =>
  defineLaterSetting(z.boolean(), false, ALARM_MEANINGS[name].title, ALARM_MEANINGS[name].meaning);

const switches = Object.fromEntries(
  alarmNameSchema
    .exclude([...LATER, ...OF_COMMANDS])
    .options.map((name) => [name, defineSwitch(name)]),
) as Record<
  Exclude<AlarmName, LaterAlarm | (typeof OF_COMMANDS)[number]>,
  ReturnType<typeof defineSwitch>
>;
const laterSwitches = Object.fromEntries(
  LATER.map((name) => [name, defineLaterSwitch(name)]),
) as Record<LaterAlarm, ReturnType<typeof defineLaterSwitch>>;

export const alarmsSchema = z
  .strictObject({ stopOn: z.strictObject({ ...switches, ...laterSwitches }).prefault({}) })
  .prefault({})
  .meta({
    title: "Stop on alarms",
    description:
      "Alarms are raised in any case. A run that is told to stop on one saves a checkpoint and ends as failed, with what was seen and what mends it.",
  });
