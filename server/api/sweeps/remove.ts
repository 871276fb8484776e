import { z } from "zod";
import { procedure } from "../trpc";

export const removeSweepRequest = z.object({ id: z.uuid() });
export const removeSweepResponse = z.object({ runs: z.int() });

/** Forgets the group; its runs stay. Refused while runs have not ended. */
export const removeSweep = procedure
  .input(removeSweepRequest)
  .output(removeSweepResponse)
  .mutation(({ ctx, input }) => ctx.services.sweeps.remove(input.id));
