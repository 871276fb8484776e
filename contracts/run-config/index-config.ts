import { z } from "zod";
import { nameSchema, workerSchema } from "./common";
import { corpusNameSchema, corpusSourceSchema } from "./corpus-source";
import { retrieverSchema } from "./retriever";
import { defineSetting } from "./setting";

export const indexConfigSchema = z.strictObject({
  kind: z.literal("index"),
  name: nameSchema,
  worker: workerSchema,
  corpus: defineSetting(
    corpusNameSchema,
    "Corpus",
    "Corpus to index; with a source: the name under which it is imported.",
  ),
  source: corpusSourceSchema,
  buildIndex: defineSetting(
    z.boolean().default(true),
    "Build the index",
    "Off: the corpus is imported only.",
  ),
  retriever: retrieverSchema,
});
export type IndexConfig = z.infer<typeof indexConfigSchema>;
