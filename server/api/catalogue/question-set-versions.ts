import { z } from "zod";
import { procedure } from "../trpc";

export const questionSetVersionsRequest = z.object({ name: z.string().min(1) });
export const questionSetVersionsResponse = z.array(
  z.object({
    /** First twelve digits of the content's sha256. */
    version: z.string(),
    questions: z.int(),
    withGold: z.int(),
    createdAt: z.date(),
    createdBy: z.string(),
    /** Runs that are pinned to it. */
    runs: z.int(),
  }),
);

/** All versions of a set, the newest first: the one that new runs use. */
export const questionSetVersions = procedure
  .input(questionSetVersionsRequest)
  .output(questionSetVersionsResponse)
  .query(({ ctx, input }) => ctx.services.catalogue.versions(input.name));
