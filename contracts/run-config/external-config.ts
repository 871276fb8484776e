import { z } from "zod";
import { nameSchema } from "./common";
import { defineSetting } from "./setting";

/** A run that another trainer makes and reports to us: nothing of it is chosen here. */
export const externalConfigSchema = z.strictObject({
  kind: z.literal("external"),
  name: nameSchema,
  experiment: defineSetting(
    z.string().default("Default"),
    "Experiment",
    "The trainer's experiment that the run belongs to.",
  ),
  /** Changed only by adding: a parameter that was reported keeps its value. */
  parameters: defineSetting(
    z.record(z.string(), z.string()).default({}),
    "Parameters",
    "What the trainer reported of its own configuration, as texts.",
  ),
});
export type ExternalConfig = z.infer<typeof externalConfigSchema>;
