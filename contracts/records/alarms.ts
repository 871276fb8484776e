import { z } from "zod";
import { metricNameSchema } from "./metric-point";

/** Known ways in which training a searcher collapses. Their rules are in core/alarms/rules.ts. */
export const alarmNameSchema = z.enum([
  "reward-hacking",
  "entropy-collapse",
  "length-explosion",
  "question-copied",
  "format-drift",
  "no-variance",
  "kl-runaway",
  "value-useless",
  "gradient-explosion",
  "generator-errors",
  "likelihood-displacement",
  "queries-alike",
  "dead-questions",
  "swallowed-errors",
]);
export type AlarmName = z.infer<typeof alarmNameSchema>;

/** Values of one metric over some steps, in one number. */
const measuredSchema = z.object({
  value: z.number(),
  fromStep: z.int().nonnegative(),
  toStep: z.int().nonnegative(),
});
export type Measured = z.infer<typeof measuredSchema>;

/** What an alarm saw of one metric. */
export const alarmEvidenceSchema = z.object({
  metric: metricNameSchema,
  now: measuredSchema,
  /** What it is held against; null: the limit is a fixed one. */
  before: measuredSchema.nullable(),
  /** The limit that `now` has passed; null where this metric is only shown with it. */
  limit: z.object({ side: z.enum(["at-least", "at-most"]), value: z.number() }).nullable(),
});
export type AlarmEvidence = z.infer<typeof alarmEvidenceSchema>;

/** An alarm is raised after a step, and cleared after a later one. One alarm changes at most once a step. */
export const alarmChangeSchema = z.discriminatedUnion("to", [
  z.object({
    to: z.literal("raised"),
    name: alarmNameSchema,
    /** Step after which it was noticed. */
    step: z.int().nonnegative(),
    /** First step that belongs to it. */
    since: z.int().nonnegative(),
    evidence: z.array(alarmEvidenceSchema).min(1),
  }),
  z.object({ to: z.literal("cleared"), name: alarmNameSchema, step: z.int().nonnegative() }),
]);
export type AlarmChange = z.infer<typeof alarmChangeSchema>;
export type RaisedAlarm = Extract<AlarmChange, { to: "raised" }>;
