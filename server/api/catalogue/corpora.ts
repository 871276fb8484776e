import { z } from "zod";
import { procedure } from "../trpc";

export const listCorporaResponse = z.array(
  z.object({ name: z.string(), documents: z.int(), contentHash: z.string(), createdAt: z.date() }),
);

export const listCorpora = procedure
  .input(z.object({}).optional())
  .output(listCorporaResponse)
  .query(({ ctx }) => ctx.services.catalogue.corpora());
