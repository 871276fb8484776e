import { z } from "zod";
import {
  channelIdRequestSchema,
  createChannelRequestSchema,
  listChannelsResponseSchema,
} from "@/contracts/api/notifications";
import { procedure, router } from "@/server/trpc/trpc";

export const notificationsRouter = router({
  list: procedure
    .output(listChannelsResponseSchema)
    .query(({ ctx }) => ctx.services.notifications.list()),
  create: procedure
    .input(createChannelRequestSchema)
    .output(z.object({ id: z.uuid() }))
    .mutation(({ ctx, input }) => ctx.services.notifications.create(input, ctx.actor)),
  remove: procedure
    .input(channelIdRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.notifications.remove(input.id);
      return {};
    }),
  /** Sends a test message now; an error says why it was not taken. */
  test: procedure
    .input(channelIdRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.notifications.test(input.id);
      return {};
    }),
});
