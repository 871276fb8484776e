import { z } from "zod";
import { procedure } from "../trpc";

/** Names only: what a key is leaves the server towards a worker alone. */
export const listKeysResponse = z.array(
  z.object({
    name: z.string(),
    origin: z.string(),
    createdBy: z.string(),
    updatedAt: z.date(),
    lastUsedAt: z.date().nullable(),
  }),
);

export const listKeys = procedure
  .input(z.object({}).optional())
  .output(listKeysResponse)
  .query(({ ctx }) => ctx.services.keys.list());
