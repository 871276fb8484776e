import { z } from "zod";
import {
  checkDialect,
  checkThinking,
  connectionSchema,
  dialectSchema,
  endpointSchema,
  thinkingSchema,
} from "./model";
import { checkPrompt, findPromptId, promptTextSchema } from "./prompt";
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
      "Text of the prompt of style `chat` with its {placeholders}; empty: the built-in version. The version is part of every answer's key.",
      { advanced: true },
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
  .superRefine(({ promptStyle, promptTemplate, ...model }, context) => {
    checkThinking(context, model);
    const isChat = promptStyle === "chat";
    checkDialect(context, model, { path: "promptStyle", isChat, value: "chat" });
    checkPrompt(
      context,
      ["promptTemplate"],
      findPromptId("generator.promptTemplate", { promptStyle }),
      promptTemplate,
    );
  })
  .prefault({})
  .meta({
    title: "Generator",
    description: "The frozen model that answers, and the naive-RAG baseline it gives.",
  });
export type GeneratorConfig = z.infer<typeof generatorSchema>;
