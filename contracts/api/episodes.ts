import { z } from "zod";
import {
  documentTextSchema,
  episodeRecordSchema,
  attributionSchema,
  episodePhaseSchema,
  formatErrorSchema,
} from "@/contracts/records/episode";
import { turnGainsResultSchema } from "@/contracts/worker-protocol/tasks";
import { questionSchema } from "@/contracts/worker-protocol/questions";
import { taskDetailSchema } from "@/contracts/api/tasks";
import { rowIdSchema } from "./row-id";

export const getEpisodeRequestSchema = z.object({ id: z.uuid() });

export const episodeDetailSchema = z.object({
  id: z.uuid(),
  runId: z.uuid(),
  attempt: z.int(),
  /** Name of the question set. */
  questionSet: z.string(),
  corpus: z.string(),
  record: episodeRecordSchema,
  question: questionSchema,
  /** Text of every document that the record names, by content hash. */
  documents: z.record(z.string(), documentTextSchema),
  /** Gold documents with their text, as far as the corpus is stored here. */
  gold: z.array(z.object({ id: z.string(), document: documentTextSchema.nullable() })),
  /** Samples of the same question in the same step, this one included. */
  siblings: z.array(
    z.object({
      id: z.uuid(),
      sampleIndex: z.int(),
      reward: z.number().nullable(),
      score: z.number().nullable(),
    }),
  ),
  previousId: z.uuid().nullable(),
  nextId: z.uuid().nullable(),
});

export type EpisodeDetail = z.infer<typeof episodeDetailSchema>;

export const episodeFilterSchema = z.enum([
  "all",
  "correct",
  "wrong",
  "gained",
  "lost",
  "format-errors",
  "no-variance",
  "never-retrieved",
  "not-selected",
  "generator-failed",
  "scorer-doubtful",
]);

export const listEpisodesRequestSchema = z.object({
  runId: z.uuid(),
  phase: episodePhaseSchema.optional(),
  step: z.int().nonnegative().optional(),
  questionId: z.string().optional(),
  filter: episodeFilterSchema.default("all"),
  /** Part of the question or of the answer. */
  text: z.string().max(200).optional(),
  order: z.enum(["newest", "oldest"]).default("newest"),
  cursor: rowIdSchema.nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const episodeRowSchema = z.object({
  id: z.uuid(),
  phase: episodePhaseSchema,
  step: z.int().nullable(),
  questionId: z.string(),
  question: z.string(),
  sampleIndex: z.int(),
  answer: z.string().nullable(),
  score: z.number().nullable(),
  /** Naive RAG's score on the same question. */
  baselineScore: z.number().nullable(),
  reward: z.number().nullable(),
  advantage: z.number().nullable(),
  /** Searches after the retrieval with the question itself. */
  searches: z.int(),
  /** Documents handed to the generator. */
  documents: z.int(),
  attribution: attributionSchema.nullable(),
  formatErrors: z.array(formatErrorSchema),
});

export const listEpisodesResponseSchema = z.object({
  rows: z.array(episodeRowSchema),
  nextCursor: z.string().nullable(),
  total: z.int(),
});

export const episodeStepsRequestSchema = z.object({ runId: z.uuid() });

export const episodeStepsResponseSchema = z.array(
  z.object({
    phase: episodePhaseSchema,
    step: z.int().nullable(),
    episodes: z.int(),
    meanReward: z.number().nullable(),
    accuracy: z.number().nullable(),
    baselineAccuracy: z.number().nullable(),
  }),
);

export const turnGainsRequestSchema = z.object({ episodeId: z.uuid() });

/** The last computation (tasks.create with kind "turn-gains"); null where there is none yet. */
export const turnGainsResponseSchema = z
  .object({
    task: taskDetailSchema.omit({ result: true }),
    result: turnGainsResultSchema.nullable(),
  })
  .nullable();
