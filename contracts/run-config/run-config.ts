import { z } from "zod";
import { commandConfigSchema } from "./command-config";
import { evaluateConfigSchema } from "./evaluate-config";
import { externalConfigSchema } from "./external-config";
import { indexConfigSchema } from "./index-config";
import { predictConfigSchema } from "./predict-config";
import { serveConfigSchema } from "./serve-config";
import { trainConfigSchema } from "./train-config";

/**
 * The configuration of a run. Every setting carries `meta`: title, what it means, and the paper's value where the
 * paper has one; core/run/settings.ts reads it for the form, the command line and the documentation.
 */

/** Strict everywhere: an unknown key is an error that names it, never a setting that is silently ignored. */
export const runConfigSchema = z.discriminatedUnion("kind", [
  trainConfigSchema,
  predictConfigSchema,
  indexConfigSchema,
  serveConfigSchema,
  evaluateConfigSchema,
  commandConfigSchema,
  externalConfigSchema,
]);
export type RunConfig = z.infer<typeof runConfigSchema>;
export type RunConfigInput = z.input<typeof runConfigSchema>;
