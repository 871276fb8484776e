import { listKeysResponseSchema, putKeyRequestSchema } from "@/contracts/api/keys";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

export const keysRouter = router({
  list: procedure
    .input(z.object({}).optional())
    .output(listKeysResponseSchema)
    .query(({ ctx }) => ctx.services.endpointKeys.list()),
  put: procedure
    .input(putKeyRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.endpointKeys.put(input.name, input.origin, input.key, ctx.actor);
      return {};
    }),
  remove: procedure
    .input(z.object({ name: z.string() }))
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.endpointKeys.remove(input.name);
      return {};
    }),
});
