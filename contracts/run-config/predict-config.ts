import { z } from "zod";
import { nameSchema, seedSchema } from "./common";
import { generatorSchema } from "./generator";
import { methodSettingsSchema } from "./method";
import { checkPrompt, findPromptId } from "./prompt";
import { retrieverSchema } from "./retriever";
import { failuresSchema, judgeSchema, reuseSchema, scorerSchema } from "./scoring";
import { searchSchema } from "./search";
import { methodModelSchema } from "./searcher";
import { explain } from "./setting";
import { methodNameSchema } from "@/contracts/records/episode";

export const predictConfigSchema = z
  .strictObject({
    kind: z.literal("predict"),
    name: nameSchema,
    seed: seedSchema,
    method: methodNameSchema
      .default("s3")
      .meta(
        explain(
          "Method",
          "`s3`: the search loop; `rag`: the top documents of the question itself; `direct`, `cot`, `r1`, `sft`: the model alone; `ircot`, `deepretrieval`, `search-r1`, `search-o1`: other ways to search; `gold`: the gold documents alone, the generator's ceiling (docs/method.md).",
        ),
      ),
    methodSettings: methodSettingsSchema,
    corpus: z
      .string()
      .min(1)
      .default("atlas")
      .meta(explain("Corpus", "Documents that are searched.")),
    questions: z
      .string()
      .min(1)
      .default("atlas/held-out")
      .meta(explain("Questions", "Question set that is answered.")),
    limit: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta(explain("Limit", "Only the first n questions; empty: all.")),
    retriever: retrieverSchema,
    search: searchSchema,
    searcher: methodModelSchema,
    generator: generatorSchema,
    scorer: scorerSchema,
    judge: judgeSchema,
    reuse: reuseSchema,
    failures: failuresSchema,
    documents: z
      .int()
      .min(1)
      .max(50)
      .default(3)
      .meta(explain("Documents", "Documents that method `rag` hands over.")),
    matchRun: z
      .uuid()
      .nullable()
      .default(null)
      .meta(
        explain(
          "Match documents of run",
          "Method `rag` hands over as many documents per question as this run did (document-matched RAG).",
        ),
      ),
  })
  .superRefine(({ method, search: { protocol }, methodSettings }, context) => {
    checkPrompt(
      context,
      ["methodSettings", "promptTemplate"],
      findPromptId("methodSettings.promptTemplate", { method, protocol }),
      methodSettings.promptTemplate,
    );
    checkPrompt(
      context,
      ["methodSettings", "condensingPrompt"],
      findPromptId("methodSettings.condensingPrompt", { method }),
      methodSettings.condensingPrompt,
    );
  });
export type PredictConfig = z.infer<typeof predictConfigSchema>;
