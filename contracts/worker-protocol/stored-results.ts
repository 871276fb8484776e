import { z } from "zod";
import { answerSchema, documentTextSchema, episodeSchema } from "@/contracts/records/episode";

/** Results that earlier runs have stored and that a worker reuses instead of computing them again. */

/** Stored episodes with their answers, and the texts that they name. */
export const storedEpisodesSchema = z.object({
  episodes: z.array(z.object({ episode: episodeSchema, answer: answerSchema.nullable() })),
  documents: z.array(documentTextSchema),
});

/** The stored verdict of a judge on an answer. */
export const storedVerdictSchema = z.object({
  key: z.string(),
  text: z.string(),
  questionId: z.string(),
  value: z.number().min(0).max(1),
});
export type StoredVerdict = z.infer<typeof storedVerdictSchema>;
