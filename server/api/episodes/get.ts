import { z } from "zod";
import { documentText, episodeRecord } from "@/contracts/episode";
import { question } from "@/contracts/worker-protocol";
import { procedure } from "../trpc";

export const getEpisodeRequest = z.object({ id: z.uuid() });
export const episodeDetail = z.object({
  id: z.uuid(),
  runId: z.uuid(),
  attempt: z.int(),
  /** Name of the question set. */
  questionSet: z.string(),
  corpus: z.string(),
  record: episodeRecord,
  question,
  /** Text of every document that the record names, by content hash. */
  documents: z.record(z.string(), documentText),
  /** Gold documents with their text, as far as the corpus is stored here. */
  gold: z.array(z.object({ id: z.string(), document: documentText.nullable() })),
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
export type EpisodeDetail = z.infer<typeof episodeDetail>;

export const getEpisode = procedure
  .input(getEpisodeRequest)
  .output(episodeDetail)
  .query(({ ctx, input }) => ctx.services.episodes.get(input.id));
