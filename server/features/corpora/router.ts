import {
  findUploadRequestSchema,
  uploadRowSchema,
  corpusDetailSchema,
  getCorpusRequestSchema,
  listWorkerCorporaResponseSchema,
} from "@/contracts/api/corpora";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

/** An upload of this content, so that it need not be sent twice; null where there is none. */
const findUpload = procedure
  .input(findUploadRequestSchema)
  .output(uploadRowSchema.nullable())
  .query(({ ctx, input }) => ctx.services.uploads.find(input.sha256));

const getCorpus = procedure
  .input(getCorpusRequestSchema)
  .output(corpusDetailSchema)
  .query(({ ctx, input }) => ctx.services.workerCorpora.get(input.name));

/** Every corpus that a worker holds, by name. */
const listWorkerCorpora = procedure
  .input(z.object({}).optional())
  .output(listWorkerCorporaResponseSchema)
  .query(({ ctx }) => ctx.services.workerCorpora.list());

export const corporaRouter = router({ list: listWorkerCorpora, get: getCorpus, findUpload });
