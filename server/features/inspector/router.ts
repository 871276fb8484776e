import { z } from "zod";
import {
  addCommentRequestSchema,
  episodeNotesRequestSchema,
  episodeNotesSchema,
  removeCommentRequestSchema,
  sameQuestionRequestSchema,
  sameQuestionResponseSchema,
  setLabelRequestSchema,
} from "@/contracts/api/inspector";
import { procedure, router } from "@/server/trpc/trpc";

export const inspectorRouter = router({
  notes: procedure
    .input(episodeNotesRequestSchema)
    .output(episodeNotesSchema)
    .query(({ ctx, input }) => ctx.services.inspector.readNotes(input.episodeId)),
  addComment: procedure
    .input(addCommentRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.inspector.addComment(input, ctx.actor);
      return {};
    }),
  removeComment: procedure
    .input(removeCommentRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.inspector.removeComment(input.id);
      return {};
    }),
  setLabel: procedure
    .input(setLabelRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.inspector.setLabel(input, ctx.actor);
      return {};
    }),
  /** Episodes of the same question in all runs. */
  sameQuestion: procedure
    .input(sameQuestionRequestSchema)
    .output(sameQuestionResponseSchema)
    .query(({ ctx, input }) => ctx.services.inspector.listSameQuestion(input.episodeId)),
});
