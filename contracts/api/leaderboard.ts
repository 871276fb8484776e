import { z } from "zod";
import { questionChoiceFields } from "@/contracts/run-config/question-choice";
import { comparabilityReasonSchema } from "@/contracts/records/comparability";
import { runStateSchema } from "@/contracts/records/run-state";
import { progressSchema } from "@/contracts/worker-protocol/reports";
import { methodNameSchema } from "@/contracts/records/episode";

export const leaderboardRequestSchema = z.object({
  /** Key of a scope that an earlier answer listed; absent or unknown: the one with the most results. */
  scope: z.string().max(1000).nullish(),
  /** Row that the others are tested against, by id or key; absent: naive RAG where there is one. */
  reference: z.string().max(10_000).nullish(),
});

/** First minus second on the same questions. */
export const pairedComparisonSchema = z.object({
  difference: z.number(),
  low: z.number(),
  high: z.number(),
  /** Two-sided p-value of the paired bootstrap. */
  bootstrapP: z.number(),
  pairs: z.int(),
  /** Smallest true difference that this comparison alone shows at 5% with a power of 80%; null: not known. */
  smallestDifference: z.number().nullable(),
  /** Null where scores are not all 0 or 1. */
  mcNemar: z
    .object({
      onlyFirst: z.int(),
      onlySecond: z.int(),
      exactP: z.number(),
      statistic: z.number(),
      chiSquareP: z.number(),
    })
    .nullable(),
});

/** Where answers were lost, as counts: `correct` to `noGold` add up to the scored answers. */
export const attributionSharesSchema = z.object({
  correct: z.int(),
  /** Wrong, while two judging scorers differ. */
  scorerDoubtful: z.int(),
  neverRetrieved: z.int(),
  notSelected: z.int(),
  generatorFailed: z.int(),
  noGold: z.int(),
  /** Answers for which every gold document was handed over, and how many of these are right: what the generator makes of whole evidence. */
  withGold: z.int(),
  withGoldCorrect: z.int(),
});

/** Accuracy of each type of question, in upstream's sets the data source; empty where a set has but one. */
export const typeMeansSchema = z.array(
  z.object({ type: z.string(), scored: z.int(), mean: z.number() }),
);

/** What stands beside a pooled figure: its parts, and how many of the judge's replies could not be read. */
export const figurePartFields = {
  types: typeMeansSchema,
  /** Of the judge, as far as it was asked for this run; 0: the scorer asks none, or verdicts were taken over. */
  replies: z.int(),
  /** Those that said neither yes nor no and count as no. */
  unread: z.int(),
};

/** Results of one method under several seeds, each the newest complete one under its seed. */
const seedResultsSchema = z.object({
  /** Over seeds, with its t interval and sample standard deviation. */
  mean: z.number(),
  low: z.number(),
  high: z.number(),
  deviation: z.number(),
  runs: z.array(
    z.object({
      runId: z.uuid(),
      /** Seed that the searcher was trained under; null where it was not trained here. */
      trainingSeed: z.int().nullable(),
      seed: z.int(),
      mean: z.number(),
      low: z.number(),
      high: z.number(),
    }),
  ),
});
export type SeedResults = z.infer<typeof seedResultsSchema>;

const leaderboardCellSchema = z.object({
  runId: z.uuid(),
  /** Runs of this row and column; the newest complete one is shown. */
  runs: z.int(),
  /** It is of the example that a new installation shows: it was not run here. */
  example: z.boolean(),
  state: runStateSchema,
  mean: z.number(),
  low: z.number(),
  high: z.number(),
  /** Questions scored, and how many there should be. */
  scored: z.int(),
  expected: z.int(),
  clusters: z.int().nullable(),
  /** Null with the reason where it is incomplete. */
  rank: z.int().nullable(),
  /** Ranks that the questions leave open, together for the whole column at 95%. Null where there is no rank. */
  rankInterval: z
    .object({
      low: z.int(),
      high: z.int(),
      /** Methods of a column share a letter exactly where no difference between them is shown. */
      group: z.string(),
    })
    .nullable(),
  /** Also of the same training under other seeds; null under fewer than two. */
  seeds: seedResultsSchema.nullable(),
  /** Why it is incomplete; null where it is complete. */
  reason: comparabilityReasonSchema.nullable(),
  /** Mean over the questions of which it is known; null: of none. */
  searches: z.number().nullable(),
  documents: z.number(),
  seconds: z.number(),
  tokens: z.number().nullable(),
  costUsd: z.number().nullable(),
  ...figurePartFields,
  attribution: attributionSharesSchema,
  /** Against the reference row; p-values also corrected by Holm over all comparisons that are shown. */
  comparison: pairedComparisonSchema
    .extend({ bootstrapHolm: z.number(), mcNemarHolm: z.number().nullable() })
    .nullable(),
});

export type LeaderboardCell = z.infer<typeof leaderboardCellSchema>;

/** What the same generator answers from the gold documents alone, over the questions that name some. */
const ceilingSchema = z.object({
  runId: z.uuid(),
  mean: z.number(),
  low: z.number(),
  high: z.number(),
  scored: z.int(),
  expected: z.int(),
});

export type Ceiling = z.infer<typeof ceilingSchema>;

export const leaderboardResponseSchema = z.object({
  scopes: z.array(
    z.object({
      key: z.string(),
      corpus: z.string(),
      corpusVersion: z.string().nullable(),
      generator: z.string(),
      promptStyle: z.string(),
      scorer: z.string(),
      results: z.int(),
    }),
  ),
  scope: z.string().nullable(),
  reference: z.string().nullable(),
  columns: z.array(
    z.object({
      id: z.string(),
      questionSet: z.string(),
      version: z.string(),
      limit: z.int().nullable(),
      sampleSeed: z.int().optional(),
      skipYesNo: z.boolean().optional(),
      questions: z.int(),
      ceiling: ceilingSchema.nullable(),
    }),
  ),
  rows: z.array(
    z.object({
      id: z.string(),
      /** Short, for addresses: the same for the same id. */
      key: z.string(),
      method: z.string(),
      label: z.string(),
      detail: z.string(),
      /** The frozen generator answers; false: the method itself. */
      generates: z.boolean(),
      /** Brought in from another program's files. */
      imported: z.boolean(),
      trainingSamples: z.int().nullable(),
      /** One for each column. */
      cells: z.array(leaderboardCellSchema.nullable()),
      /** Mean over the columns that every row has complete. */
      average: z.number().nullable(),
    }),
  ),
  /** Columns that the average is over. */
  averaged: z.array(z.string()),
  /** Results that have no common rank with the scope, and why. */
  excluded: z.array(
    z.object({
      runId: z.uuid(),
      label: z.string(),
      questionSet: z.string(),
      mean: z.number(),
      reasons: z.array(comparabilityReasonSchema),
    }),
  ),
  /** Predict runs that are still to bring results. */
  active: z.array(
    z.object({
      runId: z.uuid(),
      name: z.string(),
      method: z.string(),
      questions: z.string(),
      state: runStateSchema,
      progress: progressSchema.nullable(),
    }),
  ),
});

export type LeaderboardResponse = z.infer<typeof leaderboardResponseSchema>;

export const planRequestSchema = z.object({
  scope: z.string().max(1000),
  /** Id of a column. */
  column: z.string().max(2000),
  /** Keys of two rows that have a complete result in it. */
  row: z.string().max(64),
  reference: z.string().max(64),
});

/** What a comparison of two rows varies by, for planning one that sees less. */
export const planResponseSchema = z.object({
  questions: z.int(),
  /** Groups of questions that vary together; as many as questions where the set names none. */
  clusters: z.int(),
  difference: z.number(),
  /** Seeds of the row and of the reference; the variance over seeds of one with a single seed is not known. */
  seeds: z.tuple([z.int(), z.int()]),
  /** Null where these results do not tell it. */
  variance: z
    .object({
      betweenQuestions: z.number(),
      withinQuestions: z.number(),
      betweenSeeds: z.number(),
    })
    .nullable(),
});
export type Plan = z.infer<typeof planResponseSchema>;

export const launchMethodsRequestSchema = z.object({
  methods: z.array(methodNameSchema).min(1).max(methodNameSchema.options.length),
  /** Run whose corpus, generator, retriever and scorer are taken; absent: a preset's. */
  like: z.uuid().nullish(),
  questions: z.string().min(1).max(200),
  /** Which of the questions, by default all. */
  ...questionChoiceFields,
  /** Checkpoint that s3 searches with; null: the one of `like`, or the untrained model. */
  checkpoint: z.uuid().nullish(),
  /** s3 searches with the untrained model, whatever `like` searched with. */
  untrained: z.boolean().optional(),
});

export const launchMethodsResponseSchema = z.object({
  launched: z.array(z.object({ method: methodNameSchema, runId: z.uuid() })),
  /** Methods that have their result, or a run on its way to it, already. */
  present: z.array(z.object({ method: methodNameSchema, runId: z.uuid() })),
  /** How many of these results are of the example. */
  examples: z.int(),
  /** Methods whose result was complete by an earlier version of the scorer alone: their answers were scored again. */
  rescored: z.array(z.object({ method: methodNameSchema, runId: z.uuid() })),
});

export const runStatisticsResponseSchema = z.array(
  z.object({
    questionSet: z.string(),
    generator: z.string(),
    promptStyle: z.string(),
    scorer: z.string(),
    answered: z.int(),
    scored: z.int(),
    mean: z.number(),
    low: z.number(),
    high: z.number(),
    clusters: z.int().nullable(),
    ...figurePartFields,
    /** Tokens that searcher and generator read and wrote, mean over the scored answers of which it is known; null: of none. */
    tokens: z.number().nullable(),
    /** US dollars, mean over the scored answers; null where that of one is not known. */
    costUsd: z.number().nullable(),
    attribution: attributionSharesSchema,
    /** Of a run on the gold documents with the same questions, corpus, generator and scorer; null where there is none. */
    ceiling: ceilingSchema.nullable(),
  }),
);
