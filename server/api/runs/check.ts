import { z } from "zod";
import { procedure } from "../trpc";

export const checkRunRequest = z.object({ config: z.unknown() });
const estimate = z.object({
  totalBytes: z.number(),
  /** Of the three phases of a step the largest counts, on a CPU all. */
  parts: z.array(
    z.object({ name: z.string(), bytes: z.number(), detail: z.string(), phase: z.boolean() }),
  ),
});

export const checkRunResponse = z.object({
  /** No issue and every requirement met: it would start now. */
  ok: z.boolean(),
  /** What is wrong with the configuration, by path ("rl.groupSize"). Launch refuses while there is one. */
  issues: z.array(z.object({ path: z.string(), message: z.string() })),
  /** What a worker must have; an unmet one leaves the run queued. */
  requirements: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
  /** What a training run takes of a device's memory, by calculation: a warning, never a refusal. Null of other kinds, and where a model's shape is not known. */
  memory: z
    .array(
      z.object({
        ...estimate.shape,
        /** Name of an attached worker that could take it; null where there is none and one GPU of 80 GB is assumed. */
        worker: z.string().nullable(),
        device: z.enum(["cpu", "cuda", "mps"]),
        deviceBytes: z.number(),
        verdict: z.enum(["fits", "tight", "too small"]),
        /** What to change where it does not fit. */
        advice: z.string().nullable(),
      }),
    )
    .nullable(),
});

export const checkRun = procedure
  .input(checkRunRequest)
  .output(checkRunResponse)
  .query(({ ctx, input }) => ctx.services.launcher.check(input.config));
