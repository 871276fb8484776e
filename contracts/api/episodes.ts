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
import {
  EPISODE_FILTERS,
  EPISODE_MEASURES,
  EPISODE_SORTS,
  TEXT_PLACES,
} from "@/contracts/api/episode-list-values";

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
});

export type EpisodeDetail = z.infer<typeof episodeDetailSchema>;

export const episodeFilterSchema = z.enum(EPISODE_FILTERS);

/** Numbers of an episode that it is filtered, sorted and counted by. */
export const episodeMeasureSchema = z.enum(EPISODE_MEASURES);
export type EpisodeMeasure = z.infer<typeof episodeMeasureSchema>;

/** From `min` to `max`, both included, or to below `below`. An episode without a value is outside of every range. */
const measureRangeSchema = z.object({
  min: z.number().optional(),
  max: z.number().optional(),
  below: z.number().optional(),
});
export type MeasureRange = z.infer<typeof measureRangeSchema>;

/** Where a text is searched; everywhere without one of these. */
export const textPlaceSchema = z.enum(TEXT_PLACES);

/** Which of a run's episodes are meant. */
const episodeSelectionSchema = z.object({
  runId: z.uuid(),
  phase: episodePhaseSchema.optional(),
  step: z.int().nonnegative().optional(),
  questionId: z.string().optional(),
  filter: episodeFilterSchema.default("all"),
  formatError: formatErrorSchema.optional(),
  /** The question's type. */
  type: z.string().optional(),
  /** One that a person has put on the episode. */
  label: z.string().max(60).optional(),
  ranges: z.partialRecord(episodeMeasureSchema, measureRangeSchema).default({}),
  /**
   * Every word of it begins a word of question, answer and queries together, or of one document that the episode saw.
   * Chinese, Japanese and Korean: every two neighbouring characters stand there side by side.
   */
  text: z.string().max(200).optional(),
  textIn: textPlaceSchema.optional(),
});
export type EpisodeSelection = z.output<typeof episodeSelectionSchema>;

/** `recorded`: the order in which they were reported. */
export const episodeSortSchema = z.enum(EPISODE_SORTS);
export type EpisodeSort = z.infer<typeof episodeSortSchema>;

/** Episodes in an order; those without a value come last, equal ones in the order of reports. */
const orderedSelectionSchema = episodeSelectionSchema.extend({
  sort: episodeSortSchema.default("recorded"),
  /** Not "direction": that is what a client calls the way in which it pages. */
  sortDirection: z.enum(["ascending", "descending"]).default("descending"),
});
export type OrderedSelection = z.output<typeof orderedSelectionSchema>;

export const listEpisodesRequestSchema = orderedSelectionSchema.extend({
  cursor: z.string().max(1000).nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const summarizeEpisodesRequestSchema = episodeSelectionSchema.extend({
  /** The measure of the bars. */
  measure: episodeMeasureSchema.optional(),
});

export const summarizeEpisodesResponseSchema = z.object({
  total: z.int(),
  /** The counts are estimated from a sample. */
  isEstimate: z.boolean(),
  /** The measure of the bars, as it was asked for; null: there are none. */
  measure: episodeMeasureSchema.nullable(),
  /** Episodes by the measure, without regard to what the request wants of it; in order, empty bars left out. */
  bars: z.array(measureRangeSchema.extend({ count: z.int() })),
  /** How many have no value of the measure. */
  withoutValue: z.int(),
});

export const episodeNeighboursRequestSchema = orderedSelectionSchema.extend({
  episodeId: z.uuid(),
});

export const episodeNeighboursResponseSchema = z.object({
  /** Before and after the episode in the order of the list; null at an end. */
  previousId: z.uuid().nullable(),
  nextId: z.uuid().nullable(),
  /** Its place in the list, from 1, and how many there are; null where counting them would take too long. */
  position: z.int().nullable(),
  total: z.int().nullable(),
});

/** What a run's episodes can be filtered by. */
export const episodeFacetsResponseSchema = z.object({
  phases: z.array(z.object({ value: episodePhaseSchema, episodes: z.int() })),
  types: z.array(z.object({ value: z.string(), episodes: z.int() })),
  formatErrors: z.array(z.object({ value: formatErrorSchema, episodes: z.int() })),
  labels: z.array(z.object({ value: z.string(), episodes: z.int() })),
  /** Measures of which at least one episode has a value. */
  measures: z.array(episodeMeasureSchema),
});

/** Questions that two runs have both played. */
export const commonQuestionsRequestSchema = z.object({
  a: z.uuid(),
  b: z.uuid(),
  /** Of each run's episodes only those up to this step, and those without one; without it all. */
  step: z.int().nonnegative().optional(),
  /** A part of the question. */
  text: z.string().max(200).optional(),
  /** One question alone, of every set or of one. */
  questionId: z.string().optional(),
  setId: z.uuid().optional(),
  limit: z.int().min(1).max(200).default(50),
});
export type CommonQuestionsRequest = z.output<typeof commonQuestionsRequestSchema>;

const commonEpisodeSchema = z.object({
  id: z.uuid(),
  phase: episodePhaseSchema,
  step: z.int().nullable(),
  score: z.number().nullable(),
});

export const commonQuestionsResponseSchema = z.object({
  /** How many there are, and at how many of them the scores differ by a thousandth or more. */
  total: z.int(),
  differing: z.int(),
  /** Those with the greatest difference first, then those that the first run played last. */
  rows: z.array(
    z.object({
      setId: z.uuid(),
      questionId: z.string(),
      question: z.string(),
      /** The newest episode of each run. */
      a: commonEpisodeSchema,
      b: commonEpisodeSchema,
    }),
  ),
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
  /** Searches after the retrieval with the question itself; null: not known, of an imported episode. */
  searches: z.int().nullable(),
  /** Documents handed to the generator. */
  documents: z.int(),
  /** Tokens that models generated in the episode; null: not known. */
  tokens: z.int().nullable(),
  /** The question's. */
  type: z.string().nullable(),
  attribution: attributionSchema.nullable(),
  formatErrors: z.array(formatErrorSchema),
  /** What people have put on it, by name. */
  labels: z.array(z.string()),
});

export const listEpisodesResponseSchema = z.object({
  rows: z.array(episodeRowSchema),
  nextCursor: z.string().nullable(),
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
    task: taskDetailSchema.omit({ result: true, partial: true }),
    result: turnGainsResultSchema.nullable(),
  })
  .nullable();
