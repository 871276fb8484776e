import { z } from "zod";
import { procedure } from "../trpc";
import { corpusDetail } from "./row";

export const getCorpusRequest = z.object({ name: z.string().min(1) });

export const getCorpus = procedure
  .input(getCorpusRequest)
  .output(corpusDetail)
  .query(({ ctx, input }) => ctx.services.corpora.get(input.name));
