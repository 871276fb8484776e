import { z } from "zod";
import { nameSchema } from "./common";
import { corpusNameSchema } from "./corpus-source";
import { retrieverSchema } from "./retriever";
import { explain } from "./setting";

export const evaluateConfigSchema = z.strictObject({
  kind: z.literal("evaluate"),
  name: nameSchema,
  corpus: corpusNameSchema.meta(explain("Corpus", "Documents that are searched.")),
  questions: z
    .string()
    .min(1)
    .default("atlas/held-out")
    .meta(
      explain("Questions", "Question set with gold documents; the question itself is the query."),
    ),
  limit: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .meta(explain("Limit", "Only the first n questions; empty: all.")),
  k: z
    .int()
    .min(1)
    .max(1000)
    .default(100)
    .meta(explain("Depth", "Documents retrieved for each question: recall is known up to here.")),
  retriever: retrieverSchema,
});
export type EvaluateConfig = z.infer<typeof evaluateConfigSchema>;
