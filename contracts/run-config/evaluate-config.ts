import { z } from "zod";
import { nameSchema } from "./common";
import { corpusNameSchema } from "./corpus-source";
import { checkQuestionChoice, questionChoiceFields } from "./question-choice";
import { retrieverSchema } from "./retriever";
import { defineSetting } from "./setting";

export const evaluateConfigSchema = z
  .strictObject({
    kind: z.literal("evaluate"),
    name: nameSchema,
    corpus: defineSetting(corpusNameSchema, "Corpus", "Documents that are searched."),
    questions: defineSetting(
      z.string().min(1).default("atlas/held-out"),
      "Questions",
      "Question set with gold documents; the question itself is the query.",
    ),
    ...questionChoiceFields,
    k: defineSetting(
      z.int().min(1).max(1000).default(100),
      "Depth",
      "Documents retrieved for each question: recall is known up to here.",
    ),
    retriever: retrieverSchema,
  })
  .superRefine((config, context) => checkQuestionChoice(context, config));
export type EvaluateConfig = z.infer<typeof evaluateConfigSchema>;
