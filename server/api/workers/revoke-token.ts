import { z } from "zod";
import { procedure } from "../trpc";

export const revokeTokenRequest = z.object({ id: z.uuid() });

/** Workers that attached with it are cut off at once. */
export const revokeToken = procedure
  .input(revokeTokenRequest)
  .output(z.object({}))
  .mutation(async ({ ctx, input }) => {
    await ctx.services.tokens.revoke(input.id);
    ctx.services.hub.disconnectToken(input.id);
    return {};
  });
