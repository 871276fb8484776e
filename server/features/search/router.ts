import { searchRequestSchema, searchResponseSchema } from "@/contracts/api/search";
import { procedure, router } from "@/server/trpc/trpc";

export const searchRouter = router({
  /** Runs, sweeps, questions and corpora that a text is a part of. */
  find: procedure
    .input(searchRequestSchema)
    .output(searchResponseSchema)
    .query(({ ctx, input }) => ctx.services.search.find(input.text)),
});
