import { z } from "zod";

/**
 * Something that a worker must have for a run, met or not: a code and the values of its texts, which
 * core/run/requirement-texts.ts holds, so that a page says it in its own language.
 */
export const checkedRequirementSchema = z.object({
  ok: z.boolean(),
  code: z.enum([
    "worker",
    "no-worker",
    "chosen-worker",
    "no-chosen-worker",
    "model",
    "no-model",
    "model-to-fetch",
    "corpus",
    "no-corpus",
    "vllm",
    "no-vllm",
    "few-gpus",
    "taken-gpus",
    "commands",
    "no-commands",
    "own-engine",
    "no-own-engine",
    "no-single-worker",
  ]),
  values: z.record(z.string(), z.union([z.string(), z.number()])),
  /** The same in English, for the command line and programs: what it is, and how it stands. */
  name: z.string(),
  detail: z.string(),
});
/** Something that a worker must have, met or not. */
export type CheckedRequirement = z.infer<typeof checkedRequirementSchema>;
