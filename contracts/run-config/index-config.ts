import { z } from "zod";
import { nameSchema, workerSchema } from "./common";
import { corpusNameSchema, corpusSourceSchema } from "./corpus-source";
import { retrieverSchema } from "./retriever";
import { explain } from "./setting";

export const indexConfigSchema = z.strictObject({
  kind: z.literal("index"),
  name: nameSchema,
  worker: workerSchema,
  corpus: corpusNameSchema.meta(
    explain("Corpus", "Corpus to index; with a source: the name under which it is imported."),
  ),
  source: corpusSourceSchema,
  buildIndex: z
    .boolean()
    .default(true)
    .meta(explain("Build the index", "Off: the corpus is imported only.")),
  retriever: retrieverSchema,
});
export type IndexConfig = z.infer<typeof indexConfigSchema>;
