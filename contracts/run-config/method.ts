import { z } from "zod";
import type { MethodName } from "@/contracts/records/episode";
import { promptTextSchema } from "./prompt";
import { about } from "./setting";

/** What each method needs and gives. */
export interface MethodTraits {
  title: string;
  /** It searches, so it needs a corpus. */
  retrieves: boolean;
  /** It asks a model of its own (setting `searcher`). */
  asksModel: boolean;
  /** Who can answer: the frozen generator from its documents, the method itself, or either. */
  answers: "generator" | "method" | "either";
}

export const METHODS: Record<MethodName, MethodTraits> = {
  s3: { title: "s3", retrieves: true, asksModel: true, answers: "generator" },
  rag: { title: "RAG", retrieves: true, asksModel: false, answers: "generator" },
  direct: { title: "Direct", retrieves: false, asksModel: true, answers: "method" },
  cot: { title: "Chain of thought", retrieves: false, asksModel: true, answers: "method" },
  ircot: { title: "IRCoT", retrieves: true, asksModel: true, answers: "either" },
  deepretrieval: { title: "DeepRetrieval", retrieves: true, asksModel: true, answers: "generator" },
  "search-r1": { title: "Search-R1", retrieves: true, asksModel: true, answers: "either" },
  "search-o1": { title: "Search-o1", retrieves: true, asksModel: true, answers: "either" },
  r1: { title: "R1", retrieves: false, asksModel: true, answers: "method" },
  sft: { title: "SFT", retrieves: false, asksModel: true, answers: "method" },
  // No method to compare with, but what the generator makes of the whole evidence: the ceiling of all that it answers.
  gold: { title: "Gold documents", retrieves: true, asksModel: false, answers: "generator" },
};

const orProtocol = "empty: as the protocol has it (docs/method.md)";

export const methodSettingsSchema = z
  .strictObject({
    answeredBy: z
      .enum(["method", "generator"])
      .default("method")
      .meta(
        about(
          "Answered by",
          'IRCoT, Search-R1 and Search-o1: by the method itself, or by the frozen generator from all documents it retrieved (the paper\'s "retrieval" rows).',
          { paper: "generator" },
        ),
      ),
    retrieve: z
      .int()
      .min(1)
      .max(50)
      .nullable()
      .default(null)
      .meta(
        about(
          "Documents a search",
          `Documents of each search of IRCoT, DeepRetrieval, Search-R1 and Search-o1; ${orProtocol}.`,
          { paper: "3" },
        ),
      ),
    searches: z
      .int()
      .min(0)
      .max(20)
      .nullable()
      .default(null)
      .meta(
        about("Searches", `Most searches of IRCoT, Search-R1 and Search-o1; ${orProtocol}.`, {
          paper: "4",
        }),
      ),
    temperature: z
      .number()
      .min(0)
      .max(2)
      .nullable()
      .default(null)
      .meta(about("Temperature", `Of the method's own model, 0: greedy; ${orProtocol}.`)),
    maxTokens: z
      .int()
      .min(1)
      .max(32_768)
      .nullable()
      .default(null)
      .meta(
        about(
          "Tokens a call",
          `Longest text of one call of the method's own model; ${orProtocol}.`,
        ),
      ),
    promptTemplate: promptTextSchema.meta(
      about(
        "Prompt",
        "Text of the method's prompt with its {placeholders}, e.g. the one a checkpoint was trained with; empty: the built-in version.",
        { advanced: true },
      ),
    ),
    condensingPrompt: promptTextSchema.meta(
      about(
        "Condensing prompt",
        "Text of the prompt by which Search-o1 condenses what it found, with its {placeholders}; empty: the built-in version.",
        { advanced: true },
      ),
    ),
  })
  .prefault({})
  .meta({ title: "Method", description: "Settings of the methods that s3 is compared with." });
export type MethodSettings = z.infer<typeof methodSettingsSchema>;

/** Who takes part in a predict run. */
export interface Roles {
  retrieves: boolean;
  asksModel: boolean;
  /** The frozen generator answers, and naive RAG is answered beside it. */
  generates: boolean;
}

export function rolesOf({
  method,
  methodSettings: { answeredBy },
}: {
  method: MethodName;
  methodSettings: Pick<MethodSettings, "answeredBy">;
}): Roles {
  const { retrieves, asksModel, answers } = METHODS[method];
  return {
    retrieves,
    asksModel,
    generates: answers === "generator" || (answers === "either" && answeredBy === "generator"),
  };
}
