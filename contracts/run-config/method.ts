import { z } from "zod";
import { promptTextSchema } from "./prompt";
import { inferenceSamplingFields } from "./sampling";
import { defineSetting } from "./setting";

const orProtocol = "empty: as the protocol has it (docs/method.md)";

export const methodSettingsSchema = z
  .strictObject({
    answeredBy: defineSetting(
      z.enum(["method", "generator"]).default("method"),
      "Answered by",
      'IRCoT, Search-R1 and Search-o1: by the method itself, or by the frozen generator from all documents it retrieved (the paper\'s "retrieval" rows).',
      { paper: "generator" },
    ),
    retrieve: defineSetting(
      z.int().min(1).max(50).nullable().default(null),
      "Documents a search",
      `Documents of each search of IRCoT, DeepRetrieval, Search-R1 and Search-o1; ${orProtocol}.`,
      { paper: "3" },
    ),
    searches: defineSetting(
      z.int().min(0).max(20).nullable().default(null),
      "Searches",
      `Most searches of IRCoT, Search-R1 and Search-o1; ${orProtocol}.`,
      { paper: "4" },
    ),
    temperature: defineSetting(
      z.number().min(0).max(2).nullable().default(null),
      "Temperature",
      `Of the method's own model, 0: greedy; ${orProtocol}.`,
    ),
    ...inferenceSamplingFields,
    maxTokens: defineSetting(
      z.int().min(1).max(32_768).nullable().default(null),
      "Tokens a call",
      `Longest text of one call of the method's own model; ${orProtocol}.`,
    ),
    promptTemplate: defineSetting(
      promptTextSchema,
      "Prompt",
      "Text of the method's prompt with its {placeholders}, e.g. the one a checkpoint was trained with; empty: the built-in version.",
      { advanced: true },
    ),
    condensingPrompt: defineSetting(
      promptTextSchema,
      "Condensing prompt",
      "Text of the prompt by which Search-o1 condenses what it found, with its {placeholders}; empty: the built-in version.",
      { advanced: true },
    ),
  })
  .prefault({})
  .meta({ title: "Method", description: "Settings of the methods that s3 is compared with." });
export type MethodSettings = z.infer<typeof methodSettingsSchema>;
