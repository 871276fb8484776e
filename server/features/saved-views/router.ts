import { z } from "zod";
import {
  deleteViewRequestSchema,
  listSavedViewsRequestSchema,
  listSavedViewsResponseSchema,
  saveViewRequestSchema,
  saveViewResponseSchema,
} from "@/contracts/api/saved-views";
import { procedure, router } from "@/server/trpc/trpc";

export const savedViewsRouter = router({
  list: procedure
    .input(listSavedViewsRequestSchema)
    .output(listSavedViewsResponseSchema)
    .query(({ ctx, input }) => ctx.services.savedViews.list(input.kind)),
  /** Saves a view in place of one of the same kind and name. */
  save: procedure
    .input(saveViewRequestSchema)
    .output(saveViewResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.savedViews.save(input, ctx.actor)),
  delete: procedure
    .input(deleteViewRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.savedViews.delete(input.id);
      return {};
    }),
});
