import { z } from "zod";
import { multipleChoiceSchema } from "@/contracts/formats/corpus-lines";
import {
  answerSchema,
  documentTextSchema,
  episodeSchema,
  scoreSchema,
} from "@/contracts/records/episode";

/** Results that earlier runs have stored and that a worker reuses instead of computing them again. */

/** Stored episodes with their answers, and the texts that they name. */
export const storedEpisodesSchema = z.object({
  episodes: z.array(z.object({ episode: episodeSchema, answer: answerSchema.nullable() })),
  documents: z.array(documentTextSchema),
});

/** What a run answered a question, with all scores that are stored of the answer. */
export const storedBaselineSchema = z.object({
  questionId: z.string(),
  /** Text and options, by which the question is found in another set. */
  question: z.string(),
  options: multipleChoiceSchema.nullable(),
  /** Gold answers of the question in the set that the run answered, by which its scores were made. */
  golds: z.array(z.string()),
  /** The run is made of imported files, which do not say corpus, retriever, number of documents or prompt. */
  imported: z.boolean(),
  answer: answerSchema,
  scores: z.array(scoreSchema),
});
export type StoredBaseline = z.infer<typeof storedBaselineSchema>;

/** The stored verdict of a judge on an answer. */
export const storedVerdictSchema = z.object({
  key: z.string(),
  text: z.string(),
  questionId: z.string(),
  value: z.number().min(0).max(1),
});
export type StoredVerdict = z.infer<typeof storedVerdictSchema>;
