import { z } from "zod";

/** What decides how much memory a decoder-only transformer takes (Llama and Qwen2 architectures). */
export const modelShapeSchema = z.object({
  hidden: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  kvHeads: z.int().positive(),
  headDim: z.int().positive(),
  intermediate: z.int().positive(),
  vocabulary: z.int().positive(),
  /** Embedding and output head are one matrix. */
  tied: z.boolean(),
  /** Longest sequence. */
  maxLength: z.int().positive(),
});
export type ModelShape = z.infer<typeof modelShapeSchema>;
