import { z } from "zod";
import {
  checkDialect,
  checkThinking,
  connectionSchema,
  dialectSchema,
  endpointSchema,
  methodThinkingSchema,
  modelApiSchema,
  thinkingSchema,
} from "./model";
import { defineLaterPrompt } from "./prompt";
import { samplerFields } from "./sampler";
import { defineSetting } from "./setting";

const searcherFields = {
  model: defineSetting(
    z.string().min(1).default("smollm2-135m-instruct"),
    "Model",
    "Searcher that is trained.",
    { paper: "Qwen2.5-7B-Instruct" },
  ),
  checkpoint: defineSetting(
    z.uuid().nullable().default(null),
    "Start from checkpoint",
    "A checkpoint's id; empty: the untrained model.",
  ),
  thinking: thinkingSchema,
  tuning: defineSetting(
    z.enum(["lora", "full"]).default("lora"),
    "Tuning",
    "`lora`: an adapter on the frozen model; `full`: the weights themselves, from the first trained layer on.",
    { paper: "full", advanced: true },
  ),
  adapter: z
    .strictObject({
      rank: defineSetting(
        z.int().min(1).max(256).default(16),
        "LoRA rank",
        "Rank of the adapter.",
        { paper: "full fine-tuning" },
      ),
      alpha: defineSetting(
        z.number().positive().max(1024).default(32),
        "LoRA alpha",
        "Scale of the adapter: alpha / rank.",
        { advanced: true },
      ),
      firstLayer: defineSetting(
        z.int().min(0).max(200).default(0),
        "First trained layer",
        "Layers below stay frozen, so no gradient enters them.",
        { advanced: true },
      ),
    })
    .prefault({}),
};

export const searcherSchema = z
  .strictObject({
    ...searcherFields,
    ...samplerFields,
    promptTemplate: defineLaterPrompt(
      "Prompt",
      "Text of the prompt that the model is trained with, with its {placeholders}, e.g. the one that upstream's searcher was trained with; empty: the built-in version. Demonstrations, rollouts and held-out episodes have it, and predict runs made from the run's checkpoints.",
    ),
    checkpointState: defineSetting(
      z.enum(["weights", "all"]).default("weights"),
      "Taken from the checkpoint",
      "`weights`: the searcher alone, with a fresh optimiser and critic; `all`: optimiser, critic, KL coefficient and place in the questions as well.",
      { advanced: true },
    ),
  })
  .refine(
    ({ checkpoint, checkpointState }) => checkpoint !== null || checkpointState === "weights",
    {
      path: ["checkpoint"],
      message: "give the checkpoint whose state is taken, or set checkpointState to weights",
    },
  )
  .prefault({})
  .meta({ title: "Searcher", description: "The model that learns to search." });

/** The model that a method prompts; of s3 and of a checkpoint it is the trained searcher. */
export const methodModelSchema = z
  .strictObject({
    ...searcherFields,
    thinking: methodThinkingSchema,
    endpoint: endpointSchema,
    dialect: dialectSchema,
    api: modelApiSchema,
    connection: connectionSchema,
  })
  .superRefine((model, context) => {
    checkThinking(context, model);
    const isChat = model.api === "chat";
    checkDialect(context, model, { path: "api", isChat, value: "chat" });
  })
  .prefault({})
  .meta({
    title: "Method's model",
    description: "The searcher of s3, or the model that a baseline itself asks.",
  });
