import { z } from "zod";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import { runStateSchema } from "@/contracts/records/run-state";

const MAX_RUNS = 6;

/** The runs of one comparison; the first is the one that the others are compared with. */
const comparedRunsSchema = z
  .array(z.uuid())
  .min(1)
  .max(MAX_RUNS, `at most ${MAX_RUNS} runs side by side`)
  .refine((ids) => new Set(ids).size === ids.length, "a run cannot be compared with itself");

export const compareRetrieversRequestSchema = z.object({ runIds: comparedRunsSchema });

/** A mean with the ends of its 95% bootstrap interval; null where no question defines the metric. */
const intervalSchema = z.object({ mean: z.number(), low: z.number(), high: z.number() }).nullable();
/** The same of a paired difference, with the smallest true one that is shown at 5% with a power of 80%; null: not known. */
const differenceSchema = intervalSchema
  .unwrap()
  .extend({ smallestDifference: z.number().nullable() })
  .nullable();

export const compareRetrieversResponseSchema = z.object({
  questionSet: z.string(),
  corpus: z.string(),
  /** Documents for each question that every run has ranked. */
  depth: z.int(),
  runs: z.array(
    z.object({
      id: z.uuid(),
      name: z.string(),
      state: runStateSchema,
      retriever: retrieverSchema,
      depth: z.int(),
      /** Questions that it has ranked so far. */
      ranked: z.int(),
      /** Gold documents that its corpus does not hold, and the questions that name them; null where that is not known. */
      unknownGold: z.object({ documents: z.int(), questions: z.int() }).nullable(),
    }),
  ),
  counts: z.object({
    /** Questions of the set that every run asks. */
    questions: z.int(),
    /** Those that name no gold documents: counted, never scored. */
    withoutGold: z.int(),
    /** Those that every run has ranked: all figures are over these. */
    scored: z.int(),
  }),
  metrics: z.array(z.object({ key: z.string(), meaning: z.string() })),
  /** By run, then by metric. */
  overall: z.array(z.array(intervalSchema)),
  /** The run minus the first run, paired by question; by run after the first, then by metric. */
  differences: z.array(z.array(differenceSchema)),
  /** Parts of the questions: by their type, and by how many gold documents they name. */
  slices: z.array(
    z.object({
      by: z.enum(["type", "hops"]),
      value: z.string(),
      questions: z.int(),
      overall: z.array(z.array(intervalSchema)),
    }),
  ),
  /** Recall and full support over k, by run. */
  curves: z.array(z.array(z.object({ k: z.int(), recall: z.number(), fullSupport: z.number() }))),
});

export type RetrieverComparison = z.infer<typeof compareRetrieversResponseSchema>;

export const listEvaluationsResponseSchema = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    state: runStateSchema,
    createdAt: z.date(),
    corpus: z.string(),
    questionSet: z.string(),
    depth: z.int(),
    retriever: retrieverSchema,
    /** Headline metric so far. */
    headline: z.number().nullable(),
  }),
);

export type EvaluationRow = z.infer<typeof listEvaluationsResponseSchema>[number];

export const rankedQuestionsRequestSchema = z.object({
  runIds: comparedRunsSchema,
  /** A question counts as found where all its gold documents are among the first `k`. */
  k: z.int().min(1).max(1000).default(10),
  /** Only questions that this run found. */
  foundBy: z.uuid().optional(),
  /** Only questions that this run did not find. */
  missedBy: z.uuid().optional(),
  type: z.string().optional(),
  hops: z.int().positive().optional(),
  /** Part of the question. */
  text: z.string().max(200).optional(),
  cursor: z.int().nonnegative().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const rankedQuestionsResponseSchema = z.object({
  rows: z.array(
    z.object({
      questionId: z.string(),
      question: z.string(),
      type: z.string().nullable(),
      /** Gold documents that the question names. */
      hops: z.int(),
      /** In the order of the request: the ranks of the gold documents that the run found, to its whole depth. */
      runs: z.array(z.object({ episodeId: z.uuid(), ranks: z.array(z.int()), found: z.boolean() })),
    }),
  ),
  nextCursor: z.int().nullable(),
  total: z.int(),
});

export type RankedQuestions = z.infer<typeof rankedQuestionsResponseSchema>;
