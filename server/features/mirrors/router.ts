import { z } from "zod";
import {
  createMirrorRequestSchema,
  listMirrorsResponseSchema,
  mirrorIdRequestSchema,
} from "@/contracts/api/mirrors";
import { procedure, router } from "@/server/trpc/trpc";

export const mirrorsRouter = router({
  list: procedure.output(listMirrorsResponseSchema).query(({ ctx }) => ctx.services.mirrors.list()),
  create: procedure
    .input(createMirrorRequestSchema)
    .output(z.object({ id: z.uuid() }))
    .mutation(({ ctx, input }) => ctx.services.mirrors.create(input, ctx.actor)),
  remove: procedure
    .input(mirrorIdRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.mirrors.remove(input.id);
      return {};
    }),
  /** Tries now whether it would take anything; an error says why not. */
  test: procedure
    .input(mirrorIdRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.mirrors.test(input.id);
      return {};
    }),
});
