import { z } from "zod";
import { attribution, episodePhase, formatError } from "@/contracts/episode";
import { procedure } from "../trpc";

export const episodeFilter = z.enum([
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

export const listEpisodesRequest = z.object({
  runId: z.uuid(),
  phase: episodePhase.optional(),
  step: z.int().nonnegative().optional(),
  questionId: z.string().optional(),
  filter: episodeFilter.default("all"),
  /** Part of the question or of the answer. */
  text: z.string().max(200).optional(),
  order: z.enum(["newest", "oldest"]).default("newest"),
  cursor: z.string().regex(/^\d+$/).nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const episodeRow = z.object({
  id: z.uuid(),
  phase: episodePhase,
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
  attribution: attribution.nullable(),
  formatErrors: z.array(formatError),
});
export type EpisodeRow = z.infer<typeof episodeRow>;

export const listEpisodesResponse = z.object({
  rows: z.array(episodeRow),
  nextCursor: z.string().nullable(),
  total: z.int(),
});

export const listEpisodes = procedure
  .input(listEpisodesRequest)
  .output(listEpisodesResponse)
  .query(({ ctx, input }) => ctx.services.episodes.list(input));
