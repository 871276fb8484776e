import { z } from "zod";
import { launchedKindSchema } from "@/contracts/records/run-state";

/**
 * A sweep: one configuration, varied over settings and seeds, launched as one group of runs. Every run has a whole
 * configuration of its own, and its varied settings are stored with it.
 */

/** Most runs of one sweep: a mistyped grid must not fill the queue. */
export const MAX_SWEEP_RUNS = 200;
export const MAX_NAME_LENGTH = 120;

const pathSchema = z.string().trim().min(1).max(200);
/** A value as JSON, as the configuration holds it. */
export const settingValueSchema = z.json();
export type SettingValue = z.infer<typeof settingValueSchema>;

const common = {
  name: z.string().trim().min(1, "give the sweep a name").max(MAX_NAME_LENGTH),
  /** Configuration of a run, without a name; the varied settings replace its own. */
  base: z.looseObject({
    kind: launchedKindSchema.exclude(
      ["serve"],
      "a service does not end, so there is nothing to sweep",
    ),
  }),
  /** Every setting is run under each; empty: under the configuration's own. */
  seeds: z
    .array(
      z
        .int()
        .min(0)
        .max(2 ** 31 - 1),
    )
    .max(MAX_SWEEP_RUNS)
    .default([])
    .refine((seeds) => new Set(seeds).size === seeds.length, "a seed is given twice"),
};

/** Grid: every combination of the values. List: each row is one setting of its own. */
export const sweepSpecSchema = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("grid"),
    ...common,
    axes: z
      .array(
        z.strictObject({
          path: pathSchema,
          values: z.array(settingValueSchema).min(1, "give at least one value").max(MAX_SWEEP_RUNS),
        }),
      )
      .max(20),
  }),
  z.strictObject({
    mode: z.literal("list"),
    ...common,
    rows: z
      .array(z.record(pathSchema, settingValueSchema))
      .min(1, "give at least one row")
      .max(MAX_SWEEP_RUNS),
  }),
]);
export type SweepSpec = z.infer<typeof sweepSpecSchema>;
export type SweepSpecInput = z.input<typeof sweepSpecSchema>;
