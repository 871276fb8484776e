import {
  findUploadRequest,
  uploadRow,
  corpusDetail,
  getCorpusRequest,
  listWorkerCorporaResponse,
} from "@/contracts/api/corpora";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

/** An upload of this content, so that it need not be sent twice; null where there is none. */
const findUpload = procedure
  .input(findUploadRequest)
  .output(uploadRow.nullable())
  .query(({ ctx, input }) => ctx.services.uploads.find(input.sha256));

const getCorpus = procedure
  .input(getCorpusRequest)
  .output(corpusDetail)
  .query(({ ctx, input }) => ctx.services.corpora.get(input.name));

/** Every corpus that a worker holds, by name. */
const listWorkerCorpora = procedure
  .input(z.object({}).optional())
  .output(listWorkerCorporaResponse)
  .query(({ ctx }) => ctx.services.corpora.list());

export const corporaRouter = router({ list: listWorkerCorpora, get: getCorpus, findUpload });
