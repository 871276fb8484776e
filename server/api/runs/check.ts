import { z } from "zod";
import { procedure } from "../trpc";

export const checkRunRequest = z.object({ config: z.unknown() });
export const checkRunResponse = z.object({
  /** No issue and every requirement met: it would start now. */
  ok: z.boolean(),
  /** What is wrong with the configuration, by path ("rl.groupSize"). Launch refuses while there is one. */
  issues: z.array(z.object({ path: z.string(), message: z.string() })),
  /** What a worker must have; an unmet one leaves the run queued. */
  requirements: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

export const checkRun = procedure
  .input(checkRunRequest)
  .output(checkRunResponse)
  .query(({ ctx, input }) => ctx.services.launcher.check(input.config));
