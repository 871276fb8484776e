import { z } from "zod";
import { explain } from "./setting";
import { protocolSchema } from "@/contracts/records/episode";

export const dataSchema = z
  .strictObject({
    corpus: z
      .string()
      .min(1)
      .default("atlas")
      .meta(explain("Corpus", "Documents that are searched.", { paper: "Wikipedia 2018" })),
    trainQuestions: z
      .string()
      .min(1)
      .default("atlas/train")
      .meta(
        explain("Training questions", "Question set that the searcher learns from.", {
          paper: "NQ + HotpotQA, filtered",
        }),
      ),
    heldOutQuestions: z
      .string()
      .min(1)
      .default("atlas/held-out")
      .meta(explain("Held-out questions", "Question set for evaluation; never trained on.")),
  })
  .prefault({})
  .meta({ title: "Data", description: "What is searched and asked." });

export const searchSchema = z
  .strictObject({
    protocol: protocolSchema
      .default("paper")
      .meta(
        explain(
          "Protocol",
          "`paper` follows the paper with the released code's defects mended; `upstream` reproduces the released code.",
          { paper: "paper" },
        ),
      ),
    retrieve: z
      .int()
      .min(1)
      .max(50)
      .default(8)
      .meta(
        explain("Documents retrieved", "Documents in each window the searcher reads.", {
          paper: "8",
        }),
      ),
    select: z
      .int()
      .min(1)
      .max(20)
      .default(3)
      .meta(
        explain("Documents selected", "At most this many documents are kept from each window.", {
          paper: "3",
        }),
      ),
    turns: z
      .int()
      .min(0)
      .max(10)
      .default(3)
      .meta(
        explain("Turns", "Searches after the retrieval with the question itself.", { paper: "3" }),
      ),
    skipSeen: z
      .boolean()
      .default(false)
      .meta(
        explain(
          "Skip documents already seen",
          "Later windows hold only documents that no earlier window held.",
          { paper: "off" },
        ),
      ),
    decoding: z
      .enum(["guided", "free"])
      .default("free")
      .meta(
        explain(
          "Decoding",
          "`guided` lets a small model only write the protocol's form; `free` lets the model write and counts its format errors.",
          { paper: "free" },
        ),
      ),
    queryTokens: z
      .int()
      .min(4)
      .max(256)
      .default(64)
      .meta(
        explain("Query tokens", "Longest query, in tokens (guided decoding).", { advanced: true }),
      ),
    turnTokens: z
      .int()
      .min(16)
      .max(4096)
      .default(500)
      .meta(
        explain("Turn tokens", "Longest text of one turn, in tokens (free decoding).", {
          paper: "500",
          advanced: true,
        }),
      ),
  })
  .prefault({})
  .meta({ title: "Search", description: "The retrieve-select-turns setting, e.g. 8-3-3." });
export type SearchConfig = z.infer<typeof searchSchema>;
