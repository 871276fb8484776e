import { z } from "zod";
import { procedure } from "../trpc";
import { corpusRow } from "./row";

export const listWorkerCorporaResponse = z.array(corpusRow);

/** Every corpus that a worker holds, by name. */
export const listWorkerCorpora = procedure
  .input(z.object({}).optional())
  .output(listWorkerCorporaResponse)
  .query(({ ctx }) => ctx.services.corpora.list());
