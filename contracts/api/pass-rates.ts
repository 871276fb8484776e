import { z } from "zod";

/** How a question fares over a training run, in the order in which lists show it; core/metrics/pass-rates.ts says by which rules. */
export const passStateSchema = z.enum(["forgotten", "dead", "learning", "mastered", "seen-once"]);
export type PassState = z.infer<typeof passStateSchema>;

export const passRatesRequestSchema = z.object({
  /** A training run. */
  runId: z.uuid(),
  /** Training samples, or held-out evaluations. */
  phase: z.enum(["train", "held-out"]),
  state: passStateSchema.nullish(),
  cursor: z.int().nonnegative().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const passRatesResponseSchema = z.object({
  /** Questions in each state, whatever state is asked for. */
  counts: z.record(passStateSchema, z.int()),
  rows: z.array(
    z.object({
      questionId: z.string(),
      question: z.string(),
      state: passStateSchema,
      /** One for each step with scored samples, in order: samples, and how many of them are right. */
      steps: z.array(z.int()),
      passed: z.array(z.int()),
      samples: z.array(z.int()),
    }),
  ),
  nextCursor: z.int().nullable(),
});
