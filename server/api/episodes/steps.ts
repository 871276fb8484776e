import { z } from "zod";
import { episodePhase } from "@/contracts/episode";
import { procedure } from "../trpc";

export const episodeStepsRequest = z.object({ runId: z.uuid() });
export const episodeStepsResponse = z.array(
  z.object({
    phase: episodePhase,
    step: z.int().nullable(),
    episodes: z.int(),
    meanReward: z.number().nullable(),
    accuracy: z.number().nullable(),
    baselineAccuracy: z.number().nullable(),
  }),
);

/** Which steps and phases have episodes, in order. */
export const episodeSteps = procedure
  .input(episodeStepsRequest)
  .output(episodeStepsResponse)
  .query(({ ctx, input }) => ctx.services.episodes.steps(input.runId));
