import { z } from "zod";
import { skipYesNoSchema } from "./question-choice";
import { defineSetting } from "./setting";
import { protocolSchema } from "@/contracts/records/episode";

export const dataSchema = z
  .strictObject({
    corpus: defineSetting(
      z.string().min(1).default("atlas"),
      "Corpus",
      "Documents that are searched.",
      { paper: "Wikipedia 2018" },
    ),
    trainQuestions: defineSetting(
      z.string().min(1).default("atlas/train"),
      "Training questions",
      "Question set that the searcher learns from.",
      { paper: "NQ + HotpotQA, filtered" },
    ),
    skipYesNo: skipYesNoSchema,
    heldOutQuestions: defineSetting(
      z.string().min(1).default("atlas/held-out"),
      "Held-out questions",
      "Question set for evaluation; never trained on.",
    ),
  })
  .prefault({})
  .meta({ title: "Data", description: "What is searched and asked." });

export const searchSchema = z
  .strictObject({
    protocol: defineSetting(
      protocolSchema.default("paper"),
      "Protocol",
      "`paper` follows the paper with the released code's defects mended; `upstream` reproduces the released code.",
      { paper: "paper" },
    ),
    retrieve: defineSetting(
      z.int().min(1).max(50).default(8),
      "Documents retrieved",
      "Documents in each window the searcher reads.",
      { paper: "8" },
    ),
    select: defineSetting(
      z.int().min(1).max(20).default(3),
      "Documents selected",
      "At most this many documents are kept from each window.",
      { paper: "3" },
    ),
    turns: defineSetting(
      z.int().min(0).max(10).default(3),
      "Turns",
      "Searches after the retrieval with the question itself.",
      { paper: "3" },
    ),
    skipSeen: defineSetting(
      z.boolean().default(false),
      "Skip documents already seen",
      "Later windows hold only documents that no earlier window held.",
      { paper: "off" },
    ),
    decoding: defineSetting(
      z.enum(["guided", "free"]).default("free"),
      "Decoding",
      "`guided` lets a small model only write the protocol's form; `free` lets the model write and counts its format errors.",
      { paper: "free" },
    ),
    queryTokens: defineSetting(
      z.int().min(4).max(256).default(64),
      "Query tokens",
      "Longest query, in tokens (guided decoding).",
      { advanced: true },
    ),
    turnTokens: defineSetting(
      z.int().min(16).max(4096).default(500),
      "Turn tokens",
      "Longest text of one turn, in tokens (free decoding).",
      { paper: "500", advanced: true },
    ),
  })
  .prefault({})
  .meta({ title: "Search", description: "The retrieve-select-turns setting, e.g. 8-3-3." });
export type SearchConfig = z.infer<typeof searchSchema>;
