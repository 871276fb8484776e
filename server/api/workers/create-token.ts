import { z } from "zod";
import { procedure } from "../trpc";

export const createTokenRequest = z.object({
  name: z.string().trim().min(1, "give the token a name").max(120),
  /** Address under which the worker reaches this server; the page gives its own origin. */
  serverUrl: z.url({ protocol: /^https?$/ }),
});
export const createTokenResponse = z.object({
  id: z.uuid(),
  /** Shown this once; only its hash is stored. */
  token: z.string(),
  /** To be run in a clone of the repository on the worker's machine. */
  command: z.string(),
});

export const createToken = procedure
  .input(createTokenRequest)
  .output(createTokenResponse)
  .mutation(async ({ ctx, input }) => {
    const { id, token } = await ctx.services.tokens.create(input.name, ctx.actor);
    return {
      id,
      token,
      command: `npm run worker -- --server ${new URL(input.serverUrl).origin} --token ${token}`,
    };
  });
