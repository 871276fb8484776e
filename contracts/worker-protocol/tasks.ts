import { z } from "zod";
import { badLineSchema } from "./corpus-report";
import { questionSchema } from "./questions";
import {
  documentRefSchema,
  documentTextSchema,
  episodeRecordSchema,
  episodeStepSchema,
  formatErrorSchema,
} from "@/contracts/records/episode";
import { foundCorpusFileSchema } from "@/contracts/formats/corpus-reading";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { rewardWeightsSchema } from "@/contracts/run-config/reward";
import { runConfigSchema } from "@/contracts/run-config/run-config";

/** Short interactive requests of the server to a worker, and their results. */

const taskBase = { taskId: z.uuid() };

/** What is given of a turn of s3 before it is played; whatever is absent is retrieved or written anew. */
export const forcedTurnSchema = z.object({
  /** The window. */
  documents: z.array(documentRefSchema).optional(),
  /** The query of the retrieval; only of turn 0, as a later one is written by the turn before it. */
  query: z.string().optional(),
  /** All that the searcher writes. */
  text: z.string().optional(),
  /** In place of the query or the end that stands in `text`. */
  nextQuery: z.string().optional(),
  /** Ids of the selected documents; the searcher writes on behind them. */
  selected: z.array(z.string()).optional(),
});
export type ForcedTurn = z.infer<typeof forcedTurnSchema>;

/** A question that was typed need not have answers. */
const playedQuestionSchema = questionSchema.extend({ answers: z.array(z.string()) });
export type PlayedQuestion = z.infer<typeof playedQuestionSchema>;

/** Short interactive requests, answered within seconds (a dry run within a minute). */
export const taskRequestSchema = z.discriminatedUnion("kind", [
  z.object({
    ...taskBase,
    kind: z.literal("query"),
    corpus: z.string(),
    retriever: z.unknown(),
    query: z.string().min(1),
    k: z.int().min(1).max(50),
  }),
  /** Documents of a corpus by their ids, as they are on the worker. */
  z.object({
    ...taskBase,
    kind: z.literal("documents"),
    corpus: z.string(),
    ids: z.array(z.string().min(1).max(512)).min(1).max(50),
  }),
  z.object({ ...taskBase, kind: z.literal("dry-run"), config: runConfigSchema }),
  /** Which indexes a retriever needs over a corpus, and what they cost here. `passages`: of a corpus that is not on the worker yet, how many it will have. */
  z.object({
    ...taskBase,
    kind: z.literal("index-plan"),
    corpus: z.string(),
    passages: z.int().positive().nullable(),
    retriever: z.unknown(),
  }),
  /** What the beginning of a source holds, read as its import would read it; nothing is imported. */
  z.object({ ...taskBase, kind: z.literal("corpus-preview"), source: corpusSourceSchema }),
  /** Deletes an imported corpus and its indexes from the worker. */
  z.object({ ...taskBase, kind: z.literal("remove-corpus"), corpus: z.string() }),
  /** Answers and scores the union of selections up to each turn: what each turn gained. */
  z.object({
    ...taskBase,
    kind: z.literal("turn-gains"),
    config: runConfigSchema,
    question: questionSchema,
    contexts: z.array(z.object({ turn: z.int(), documents: z.array(documentTextSchema) })).min(1),
  }),
  /** Plays one question with a method, answers it, and scores it where it has answers. Nothing is stored among the episodes. */
  z.object({
    ...taskBase,
    kind: z.literal("play"),
    config: predictConfigSchema,
    question: playedQuestionSchema,
    /** Weights of the reward; null: none is computed. */
    rewardWeights: rewardWeightsSchema.nullable(),
    /** What is given of its first turns (s3 in the worker's own engine). */
    forced: z.array(forcedTurnSchema),
    /** Texts of the documents that the given turns name. */
    documents: z.array(documentTextSchema),
  }),
]);
export type TaskRequest = z.infer<typeof taskRequestSchema>;

/** One index of a plan. Sizes in bytes. */
export const indexEstimateSchema = z.object({
  /** FAISS factory string, or "BM25". */
  index: z.string(),
  reason: z.string(),
  /** It is on the worker already: nothing will be built. */
  isThere: z.boolean(),
  fileBytes: z.number(),
  searchBytes: z.number(),
  buildBytes: z.number(),
  diskBytes: z.number(),
  /** Vectors that the index learns from. */
  trainingVectors: z.int(),
  /** Measured on a sample just now; null where no passage has to be read: the index or its vectors are there. */
  passagesPerSecond: z.number().positive().nullable(),
  /** All passages at that pace; learning (IVF, PQ) comes on top. */
  seconds: z.number(),
});

export const indexPlanResultSchema = z.object({
  passages: z.int(),
  /** Of the worker. */
  memoryBytes: z.number(),
  freeDiskBytes: z.number(),
  indexes: z.array(indexEstimateSchema),
});
export type IndexPlanResult = z.infer<typeof indexPlanResultSchema>;

export const corpusPreviewResultSchema = z.object({
  /** The file that was looked at, the first of them that is not empty. */
  file: z.string(),
  files: z.int().positive(),
  reading: foundCorpusFileSchema,
  /** Lines, rows or passages that were read, those that cannot be used included. */
  read: z.int().nonnegative(),
  /** Whether these are all of the source. */
  isWhole: z.boolean(),
  /** The first of them, long texts cut. */
  documents: z.array(z.object({ id: z.string(), title: z.string(), text: z.string() })),
  problems: z.array(badLineSchema),
  /** Lines that are used, but should be looked at. */
  warnings: z.array(badLineSchema).default([]),
});
export type CorpusPreviewResult = z.infer<typeof corpusPreviewResultSchema>;

export const removeCorpusResultSchema = z.object({ freedBytes: z.number(), indexes: z.int() });

export const turnGainsResultSchema = z.object({
  goldContext: z.object({ answer: z.string(), score: z.number() }).nullable(),
  turns: z.array(z.object({ turn: z.int(), answer: z.string(), score: z.number() })),
});

/** What is there of a played question before its end. */
export const playProgressSchema = z.object({
  steps: z.array(episodeStepSchema),
  documents: z.array(documentTextSchema),
});

export const playResultSchema = z.object({
  /** Answer and score where they could be had; of no run. */
  record: episodeRecordSchema,
  /** Text of every document that the record names. */
  documents: z.array(documentTextSchema),
  /** Wall-clock seconds from the first search to the answer, without the loading of models. */
  seconds: z.number(),
});
export type PlayResult = z.infer<typeof playResultSchema>;

export const dryRunResultSchema = z.object({
  questions: z.int(),
  episodes: z.int(),
  seconds: z.number(),
  /** Episodes in which something was cut by a token limit. */
  truncated: z.int(),
  formatErrors: z.array(z.object({ error: formatErrorSchema, count: z.int() })),
  groups: z.int(),
  groupsWithoutVariance: z.int(),
  rewardMean: z.number(),
  /** Null where naive RAG is not asked. */
  ragAccuracy: z.number().nullable(),
  longestEpisodeTokens: z.int(),
  /** Of all training questions those whose answer by naive RAG the runs of `rl.ragRuns` hold; absent: no run is named. */
  ragStored: z.object({ held: z.int(), questions: z.int() }).optional(),
  peakMemoryMb: z.number(),
  secondsPerStep: z.number(),
  projectedSeconds: z.number(),
  warnings: z.array(z.string()),
});
export type DryRunResult = z.infer<typeof dryRunResultSchema>;
