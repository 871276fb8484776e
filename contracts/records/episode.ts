import { z } from "zod";
import { EPISODE_PHASES, FORMAT_ERRORS } from "./episode-values";
import { METHOD_NAMES } from "./method-names";

/**
 * The three records of the product, separate because each can be computed again without the others:
 * an Episode (what a method did for one question), an Answer (episode x generator) and a Score (answer x scorer).
 */

/** A document where it appears in a ranking. Its text is stored once, under `hash` (sha256 of title and text). */
export const documentRefSchema = z.object({
  /** Id of the document in its corpus. */
  id: z.string(),
  hash: z.string(),
  /** Retriever score; null where a document is handed over without ranking. */
  score: z.number().nullable(),
});
export type DocumentRef = z.infer<typeof documentRefSchema>;

/** A document with its text, sent with the episodes that refer to it. */
export const documentTextSchema = z.object({
  id: z.string(),
  hash: z.string(),
  title: z.string(),
  text: z.string(),
});
export type DocumentText = z.infer<typeof documentTextSchema>;

/** What can be wrong with the searcher's text. Counted and shown, never repaired silently. */
export const formatErrorSchema = z.enum(FORMAT_ERRORS);
export type FormatError = z.infer<typeof formatErrorSchema>;

const tokens = {
  /** Token ids as fed (prompt, observation), then as sampled; never re-tokenised. Absent where the engine gives none. */
  ids: z.array(z.int()).optional(),
  /** How many of the ids were fed before sampling began. */
  fed: z.int().nonnegative().optional(),
  /** 1 where the policy chose the token, 0 for retrieved text, prompt and forced tokens; same length as ids. */
  mask: z.array(z.union([z.literal(0), z.literal(1)])).optional(),
  /** Log-probability of each token under the sampling policy (0 where mask is 0); same length as ids. */
  logprobs: z.array(z.number()).optional(),
  /** Entropy in nats of the distribution that each token was drawn from (0 where mask is 0); same length as ids. Absent where the sampler gives none. */
  entropies: z.array(z.number()).optional(),
  /**
   * Advantage of each token as it entered the policy's loss, after whitening or normalisation, in float32; 0 where none did:
   * where mask is 0, and where `upstream` cuts the end of a long episode. Same length as ids. Absent where it is the same for
   * all action tokens of the episode: the record's `advantage`; and where one is not finite. Stored, too, where the policy was
   * not updated by the episode, as in the critic's warm-up.
   */
  advantages: z.array(z.number()).optional(),
};

/** Tokens of one model call as its server counts them. */
const callTokens = {
  promptTokens: z.int().nonnegative().optional(),
  completionTokens: z.int().nonnegative().optional(),
};

/** What an episode or an answer took of models. */
const modelUsageSchema = z.object({
  calls: z.int().nonnegative(),
  promptTokens: z.int().nonnegative(),
  completionTokens: z.int().nonnegative(),
  /** By the prices set for the endpoint; null where none is set. The worker's own engine costs 0. */
  costUsd: z.number().nonnegative().nullable(),
});
export type ModelUsage = z.infer<typeof modelUsageSchema>;

const stepBase = {
  /** Turn the step belongs to; turn 0 is the retrieval with the question itself. */
  turn: z.int().nonnegative(),
  /** Wall-clock seconds spent, shared equally among the episodes of a batch. */
  seconds: z.number().nonnegative(),
};

/** One thing a method did. Structures from the moment they happen: documents are never parsed out of model text. */
export const episodeStepSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("generate"),
    ...stepBase,
    prompt: z.string().optional(),
    text: z.string(),
    ...callTokens,
    ...tokens,
  }),
  z.object({
    kind: z.literal("retrieve"),
    ...stepBase,
    query: z.string(),
    documents: z.array(documentRefSchema),
    /** When an online search gave these results; absent: of a corpus, which does not change. */
    fetchedAt: z.iso.datetime().optional(),
  }),
  z.object({
    kind: z.literal("select"),
    ...stepBase,
    /** Ids of the selected documents of this turn's window, in the order given. */
    selected: z.array(z.string()),
    /** True where no selection was given and the whole window was taken. */
    implicit: z.boolean(),
  }),
  /** A model's summary of this turn's documents, which the method reads in their place. */
  z.object({
    kind: z.literal("condense"),
    ...stepBase,
    prompt: z.string().optional(),
    text: z.string(),
    ...callTokens,
  }),
  z.object({ kind: z.literal("reject"), ...stepBase, error: formatErrorSchema, text: z.string() }),
  z.object({
    kind: z.literal("stop"),
    ...stepBase,
    /** model: it decided to stop; turns: no turns left; malformed: neither query nor decision; length: token limit. */
    reason: z.enum(["model", "turns", "malformed", "length"]),
  }),
]);
export type EpisodeStep = z.infer<typeof episodeStepSchema>;
export type StepOfKind<K extends EpisodeStep["kind"]> = Extract<EpisodeStep, { kind: K }>;

export const methodNameSchema = z.enum(METHOD_NAMES);
export type MethodName = z.infer<typeof methodNameSchema>;

/** What an episode is of: a method that answers, or `retrieval`, a ranking alone that measures a retriever. */
export const episodeMethodSchema = z.enum([...methodNameSchema.options, "retrieval"]);

export const protocolSchema = z.enum(["paper", "upstream"]);
export type Protocol = z.infer<typeof protocolSchema>;

export const episodeSchema = z.object({
  /** Everything that can change the episode, hashed (cache key, see gpu-workers/searcher/episode-key.ts). */
  key: z.string(),
  method: episodeMethodSchema,
  protocol: protocolSchema,
  questionId: z.string(),
  /** Which of the samples drawn for the question in one step. */
  sampleIndex: z.int().nonnegative(),
  steps: z.array(episodeStepSchema),
  /** Documents handed to the generator: the union of the selections in order. */
  context: z.array(documentRefSchema),
  /** What the method itself answered ("" where nothing could be read); absent where the frozen generator answers. */
  ownAnswer: z.object({ model: z.string(), prompt: z.string(), text: z.string() }).optional(),
  usage: modelUsageSchema.optional(),
});
export type Episode = z.infer<typeof episodeSchema>;

/** Every document that an episode names: what it handed over and what its searches showed it. With repetitions. */
export const listEpisodeDocuments = ({
  context,
  steps,
}: Pick<Episode, "context" | "steps">): DocumentRef[] => [
  ...context,
  ...steps.flatMap((step) => (step.kind === "retrieve" ? step.documents : [])),
];

export const answerSchema = z.object({
  /** Everything that can change the answer, hashed: question, context hashes, generator, prompt style and version. */
  key: z.string(),
  generator: z.string(),
  promptStyle: z.string(),
  text: z.string(),
  seconds: z.number().nonnegative(),
  usage: modelUsageSchema
    .extend({
      /** What the model thought before it answered: to be looked at, never scored. */
      thoughts: z.string().optional(),
    })
    .optional(),
});
export type Answer = z.infer<typeof answerSchema>;

export const scoreSchema = z.object({
  /** The scorer with its version, e.g. "span/1"; a judge's with its model: "judge/1 qwen2.5-14b-instruct". */
  scorer: z.string(),
  value: z.number().min(0).max(1),
});
export type Score = z.infer<typeof scoreSchema>;

/** The reward with its arithmetic: value = sum of weight x value over the terms. */
const rewardSchema = z.object({
  name: z.string(),
  /** `term`: which term of the reward's weights a part belongs to. */
  terms: z.array(
    z.object({
      label: z.string(),
      weight: z.number(),
      value: z.number(),
      term: z.string().optional(),
    }),
  ),
  value: z.number(),
});
export type Reward = z.infer<typeof rewardSchema>;

export const attributionSchema = z.enum([
  "correct",
  "never-retrieved",
  "not-selected",
  "generator-failed",
  "no-gold",
]);
export type Attribution = z.infer<typeof attributionSchema>;

export const episodePhaseSchema = z.enum(EPISODE_PHASES);
export type EpisodePhase = z.infer<typeof episodePhaseSchema>;

/** An episode as a worker reports it: with its answer, score, and the naive-RAG answer it is compared with. */
export const episodeRecordSchema = z.object({
  phase: episodePhaseSchema,
  /** Training step; 0 is before the first step, null outside training. */
  step: z.int().nonnegative().nullable(),
  episode: episodeSchema,
  answer: answerSchema.nullable(),
  score: scoreSchema.nullable(),
  /** Scores of the same answer by other scorers. */
  otherScores: z.array(scoreSchema).optional(),
  /** Naive RAG on the same question with the same generator. */
  baseline: z
    .object({
      context: z.array(documentRefSchema),
      answer: answerSchema,
      score: scoreSchema,
      /** A judge's verdict on it, where the score is not the verdict itself. */
      otherScores: z.array(scoreSchema).optional(),
    })
    .nullable(),
  reward: rewardSchema.nullable(),
  /** Mean over its action tokens; null outside of training. */
  advantage: z.number().nullable(),
  attribution: attributionSchema.nullable(),
  formatErrors: z.array(formatErrorSchema),
  /** The files that it was imported from do not show what was searched: its steps hold no search, and may have had some. */
  unknownSearches: z.literal(true).optional(),
});
export type EpisodeRecord = z.infer<typeof episodeRecordSchema>;
