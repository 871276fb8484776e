import { z } from "zod";
import {
  checkDialect,
  checkThinking,
  connectionSchema,
  dialectSchema,
  endpointSchema,
  thinkingSchema,
} from "./model";
import { checkPrompt, defineLaterPrompt, findPromptId, promptTextSchema } from "./prompt";
import { defineSetting } from "./setting";

export const generatorSchema = z
  .strictObject({
    model: defineSetting(
      z.string().min(1).default("smollm2-135m-instruct"),
      "Model",
      "Frozen model that answers from the selected documents.",
      { paper: "Qwen2.5-14B-Instruct-GPTQ-Int4" },
    ),
    endpoint: endpointSchema,
    dialect: dialectSchema,
    connection: connectionSchema,
    thinking: thinkingSchema,
    promptStyle: defineSetting(
      z.enum(["few-shot", "chat"]).default("chat"),
      "Prompt style",
      "`few-shot` completes three worked examples (small models); `chat` asks as upstream does.",
      { paper: "chat" },
    ),
    promptTemplate: defineSetting(
      promptTextSchema,
      "Prompt",
      "Text of the prompt of style `chat` with its {placeholders}; empty: the built-in version. Where it has {options}, {question} stands without those of a multiple choice. The version is part of every answer's key.",
      { advanced: true },
    ),
    documentTemplate: defineLaterPrompt(
      "Document",
      'How a document stands among the {documents} of the prompt of style `chat`: {number}, {title} and {text}, as they are, line breaks and all, one document after the other with a line feed between, e.g. `Doc {number}(Title: "{title}") {text}`; empty: `Context 1 (title): text`, in one line. It is part of every answer\'s key.',
    ),
    maxTokens: defineSetting(
      z.int().min(1).max(32_768).default(64),
      "Answer tokens",
      "Longest answer, in tokens.",
    ),
    ragDocuments: defineSetting(
      z.int().min(1).max(50).default(3),
      "Naive-RAG documents",
      "Documents that naive RAG hands over: the baseline of GBR.",
      { paper: "3" },
    ),
  })
  .superRefine(({ promptStyle, promptTemplate, documentTemplate, ...model }, context) => {
    checkThinking(context, model);
    const isChat = promptStyle === "chat";
    checkDialect(context, model, { path: "promptStyle", isChat, value: "chat" });
    checkPrompt(
      context,
      ["promptTemplate"],
      findPromptId("generator.promptTemplate", { promptStyle }),
      promptTemplate,
    );
    checkPrompt(
      context,
      ["documentTemplate"],
      findPromptId("generator.documentTemplate", { promptStyle }),
      documentTemplate ?? null,
    );
  })
  .prefault({})
  .meta({
    title: "Generator",
    description: "The frozen model that answers, and the naive-RAG baseline it gives.",
  });
export type GeneratorConfig = z.infer<typeof generatorSchema>;
