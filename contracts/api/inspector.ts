import { z } from "zod";
import { episodeMethodSchema, episodePhaseSchema } from "@/contracts/records/episode";
import { runKindSchema } from "@/contracts/records/run-state";

const episodePlaceSchema = z.object({ episodeId: z.uuid() });

export const episodeNotesRequestSchema = episodePlaceSchema;

/** What people have written at an episode. */
export const episodeNotesSchema = z.object({
  /** Oldest first. */
  comments: z.array(
    z.object({ id: z.uuid(), author: z.string(), createdAt: z.date(), text: z.string() }),
  ),
  labels: z.array(z.string()),
  /** Every label in use, the most used first. */
  knownLabels: z.array(z.string()),
});

export const addCommentRequestSchema = episodePlaceSchema.extend({
  text: z.string().trim().min(1, "write something").max(5000),
});

export const removeCommentRequestSchema = z.object({ id: z.uuid() });

export const setLabelRequestSchema = episodePlaceSchema.extend({
  label: z.string().trim().min(1).max(60),
  isSet: z.boolean(),
});

export const sameQuestionRequestSchema = episodePlaceSchema;

/** Episodes of the same question in every run, a few of each; newest runs first, their steps in order. */
export const sameQuestionResponseSchema = z.object({
  rows: z.array(
    z.object({
      id: z.uuid(),
      runId: z.uuid(),
      runName: z.string(),
      runKind: runKindSchema,
      method: episodeMethodSchema,
      phase: episodePhaseSchema,
      step: z.int().nullable(),
      sampleIndex: z.int(),
      /** A checkpoint was committed after this step. */
      hasCheckpoint: z.boolean(),
      answer: z.string().nullable(),
      score: z.number().nullable(),
      reward: z.number().nullable(),
      searches: z.int().nullable(),
      /** Episodes of the question that its run has. */
      ofRun: z.int(),
    }),
  ),
  /** There are runs, or episodes of runs, that would be listed if fewer runs had the question. */
  isCut: z.boolean(),
});
