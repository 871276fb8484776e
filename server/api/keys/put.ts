import { z } from "zod";
import { procedure } from "../trpc";

export const putKeyRequest = z.object({
  name: z.string().trim().min(1, "give the key a name").max(120),
  /** The server it is for; only scheme, host and port count. */
  origin: z.url({
    protocol: /^https?$/,
    error: "the address of the server, e.g. https://api.example.com/v1",
  }),
  key: z
    .string()
    .trim()
    .min(1, "paste the key")
    .max(10_000)
    .regex(/^[\x21-\x7e]+$/, "a key has no spaces or special characters"),
});

export const putKey = procedure
  .input(putKeyRequest)
  .output(z.object({}))
  .mutation(async ({ ctx, input }) => {
    await ctx.services.keys.put(input.name, input.origin, input.key, ctx.actor);
    return {};
  });
