import { z } from "zod";
import { procedure } from "../trpc";

export const launchRunRequest = z.object({
  /** Parsed with contracts/run-config.ts; an error names every setting that is wrong. */
  config: z.unknown(),
  /** Preset it came from, for the list. */
  preset: z.string().max(100).nullish(),
});
export const launchRunResponse = z.object({ id: z.uuid() });

export const launchRun = procedure
  .input(launchRunRequest)
  .output(launchRunResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.launcher.launch(input.config, { actor: ctx.actor, preset: input.preset ?? null }),
  );
