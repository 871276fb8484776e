import { z } from "zod";
import { answerSchema, documentTextSchema, episodeSchema } from "@/contracts/records/episode";

/** What earlier runs have stored and a worker takes over instead of computing it again. */

/** Stored episodes with their answers, and the texts that they name. */
export const storedEpisodesSchema = z.object({
  episodes: z.array(z.object({ episode: episodeSchema, answer: answerSchema.nullable() })),
  documents: z.array(documentTextSchema),
});

/** What a judge has said of an answer already. */
export const storedVerdictSchema = z.object({
  key: z.string(),
  text: z.string(),
  questionId: z.string(),
  value: z.number().min(0).max(1),
});
export type StoredVerdict = z.infer<typeof storedVerdictSchema>;
