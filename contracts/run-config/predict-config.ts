import { z } from "zod";
import { nameSchema, seedSchema } from "./common";
import { generatorSchema } from "./generator";
import { isVendorDialect } from "./model";
import { methodSettingsSchema } from "./method";
import { checkPrompt, findPromptId } from "./prompt";
import { checkQuestionChoice, questionChoiceFields } from "./question-choice";
import { retrieverSchema } from "./retriever";
import { failuresSchema, getAblation, judgeSchema, reuseSchema, scorerSchema } from "./scoring";
import { searchSchema } from "./search";
import { methodModelSchema } from "./searcher";
import { defineSetting } from "./setting";
import { methodNameSchema, type MethodName } from "@/contracts/records/episode";

/** Methods that put what was found into the turn that the model is writing (gpu-workers/methods). */
const CONTINUING: ReadonlySet<MethodName> = new Set(["s3", "search-r1", "search-o1"]);

export const predictConfigSchema = z
  .strictObject({
    kind: z.literal("predict"),
    name: nameSchema,
    seed: seedSchema,
    method: defineSetting(
      methodNameSchema.default("s3"),
      "Method",
      "`s3`: the search loop; `rag`: the top documents of the question itself; `direct`, `cot`, `r1`, `sft`: the model alone; `ircot`, `deepretrieval`, `search-r1`, `search-o1`: other ways to search; `gold`: the gold documents alone, the generator's ceiling (docs/method.md).",
    ),
    methodSettings: methodSettingsSchema,
    corpus: defineSetting(
      z.string().min(1).default("atlas"),
      "Corpus",
      "Documents that are searched.",
    ),
    questions: defineSetting(
      z.string().min(1).default("atlas/held-out"),
      "Questions",
      "Question set that is answered.",
    ),
    ...questionChoiceFields,
    retriever: retrieverSchema,
    search: searchSchema,
    searcher: methodModelSchema,
    generator: generatorSchema,
    scorer: scorerSchema,
    judge: judgeSchema,
    reuse: reuseSchema,
    failures: failuresSchema,
    documents: defineSetting(
      z.int().min(1).max(50).default(3),
      "Documents",
      "Documents that method `rag` hands over.",
    ),
    matchRun: defineSetting(
      z.uuid().nullable().default(null),
      "Match documents of run",
      "Method `rag` hands over as many documents per question as this run did (document-matched RAG).",
    ),
  })
  .superRefine(({ method, searcher: { dialect }, reuse }, context) => {
    if (isVendorDialect(dialect) && CONTINUING.has(method) && reuse.episodesOf === null)
      context.addIssue({
        code: "custom",
        path: ["searcher", "dialect"],
        message: `method ${method} has the model go on with a turn that it has begun, which the dialect ${dialect} does not know: ask an OpenAI-compatible server that continues the last turn (vLLM, SGLang), or choose another method`,
      });
  })
  .superRefine(({ method, search: { protocol }, methodSettings, reuse, ...choice }, context) => {
    checkQuestionChoice(context, choice);
    if (getAblation(reuse) !== null && method !== "s3")
      context.addIssue({
        code: "custom",
        path: ["reuse", "context"],
        message: `is of the windows that s3 selects from; ${method} has none: leave it at selected`,
      });
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
