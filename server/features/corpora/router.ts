import {
  findUploadRequestSchema,
  uploadRowSchema,
  corpusDetailSchema,
  getCorpusRequestSchema,
  listWorkerCorporaResponseSchema,
} from "@/contracts/api/corpora";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

export const corporaRouter = router({
  /** Every corpus that a worker holds, by name. */
  list: procedure
    .input(z.object({}).optional())
    .output(listWorkerCorporaResponseSchema)
    .query(({ ctx }) => ctx.services.workerCorpora.list()),
  get: procedure
    .input(getCorpusRequestSchema)
    .output(corpusDetailSchema)
    .query(({ ctx, input }) =>
      ctx.services.workerCorpora.get(input.name),
    ) /** An upload of this content, so that it need not be sent twice; null where there is none. */,
  findUpload: procedure
    .input(findUploadRequestSchema)
    .output(uploadRowSchema.nullable())
    .query(({ ctx, input }) => ctx.services.uploads.find(input.sha256)),
});
