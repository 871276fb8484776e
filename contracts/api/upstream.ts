import { z } from "zod";
import { methodNameSchema } from "@/contracts/records/episode";

export const exportUpstreamRequestSchema = z.object({ runId: z.uuid() });

export const exportUpstreamResponseSchema = z.object({
  files: z.array(z.object({ path: z.string(), content: z.string() })),
});

export const importUpstreamRequestSchema = z.object({
  /** Files of a folder, with their paths in it. The request as a whole may have 256 MiB. */
  files: z
    .array(z.object({ path: z.string().min(1).max(1000), content: z.string() }))
    .min(1, "there is no file")
    .max(10_000),
  /** What the runs are called; null: by the files. */
  name: z.string().trim().min(1).max(100).nullable().default(null),
  /** Set whose questions the files are about; null: one is made of the questions and gold answers in the files. */
  questions: z.string().min(1).nullable().default(null),
  /** Method that the results are of (rag_cache.json is always rag's); null: the one in the files' names, else s3. */
  method: methodNameSchema.nullable().default(null),
  corpus: z.string().min(1).default("wiki-18"),
  /** Generator that gave the answers. */
  generator: z.string().min(1).default("Qwen2.5-14B-Instruct-GPTQ-Int4"),
});

export const importUpstreamResponseSchema = z.object({
  runs: z.array(
    z.object({
      id: z.uuid(),
      name: z.string(),
      dataset: z.string(),
      questions: z.string(),
      episodes: z.int(),
      scored: z.int(),
      /** Over the questions that have a score; null where none has. */
      accuracy: z.number().nullable(),
      /** Questions of the files that the set does not have, the first 50 of `unmatchedCount`. */
      unmatched: z.array(z.string()),
      unmatchedCount: z.int(),
      notes: z.array(z.string()),
    }),
  ),
  /** Files that are not upstream's. */
  skipped: z.array(z.string()),
  /** Files that could not be used, each with why. */
  problems: z.array(z.object({ path: z.string(), reason: z.string() })),
});
