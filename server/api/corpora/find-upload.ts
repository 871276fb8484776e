import { z } from "zod";
import { procedure } from "../trpc";

export const findUploadRequest = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });
export const uploadRow = z.object({
  id: z.uuid(),
  fileName: z.string(),
  bytes: z.number(),
  sha256: z.string(),
});

/** An upload of this content, so that it need not be sent twice; null where there is none. */
export const findUpload = procedure
  .input(findUploadRequest)
  .output(uploadRow.nullable())
  .query(({ ctx, input }) => ctx.services.uploads.find(input.sha256));
