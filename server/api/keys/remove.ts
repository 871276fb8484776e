import { z } from "zod";
import { procedure } from "../trpc";

export const removeKey = procedure
  .input(z.object({ name: z.string() }))
  .output(z.object({}))
  .mutation(async ({ ctx, input }) => {
    await ctx.services.keys.remove(input.name);
    return {};
  });
