import { z } from "zod";
import { alarmNameSchema } from "@/contracts/records/alarms";

export const runLearningRequestSchema = z.object({ ids: z.array(z.uuid()).min(1).max(100) });

const learningVerdictSchema = z.enum([
  "learns",
  "no-difference",
  "worse",
  "nothing-to-learn",
  "collapsed",
  "too-early",
  "unknown",
]);
/** Whether a training run learns, told from stored results alone. */
export type LearningVerdict = z.infer<typeof learningVerdictSchema>;

const learningDifferenceSchema = z.object({
  fromStep: z.int(),
  toStep: z.int(),
  /** Mean score at each evaluation, on the questions that both scored. */
  from: z.number(),
  to: z.number(),
  /** Mean difference with its 95% interval by the paired cluster bootstrap. */
  mean: z.number(),
  low: z.number(),
  high: z.number(),
  questions: z.int(),
  clusters: z.int(),
  /** The smallest true difference that these questions show at 5% with a power of 80%; null: not known. */
  smallest: z.number().nullable(),
});
/** The held-out questions at two evaluations of a run: the last complete one minus the first. */
export type LearningDifference = z.infer<typeof learningDifferenceSchema>;

export const learningSchema = z.object({
  verdict: learningVerdictSchema,
  /** Null where there are no two evaluations to compare. */
  difference: learningDifferenceSchema.nullable(),
  /** Alarms that stand and bear on whether it learns, with the first step that belongs to each. */
  alarms: z.array(z.object({ name: alarmNameSchema, since: z.int() })),
  /** Why there is no verdict yet, or none at all; null where there is one. */
  missing: z.enum(["evaluation", "no-held-out", "few-questions"]).nullable(),
});
export type Learning = z.infer<typeof learningSchema>;

/** By run; absent: a run that does not train here, or that there is not. */
export const runLearningResponseSchema = z.record(z.uuid(), learningSchema);
