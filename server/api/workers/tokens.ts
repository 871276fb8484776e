import { z } from "zod";
import { procedure } from "../trpc";

export const listTokensResponse = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    createdAt: z.date(),
    createdBy: z.string(),
    lastUsedAt: z.date().nullable(),
    revokedAt: z.date().nullable(),
  }),
);

export const listTokens = procedure
  .input(z.object({}).optional())
  .output(listTokensResponse)
  .query(({ ctx }) => ctx.services.tokens.list());
