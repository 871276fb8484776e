import { z } from "zod";
import {
  externalRunRequestSchema,
  externalRunResponseSchema,
  saveTraceMappingRequestSchema,
  traceMappingsResponseSchema,
} from "@/contracts/api/external-runs";
import { procedure, router } from "@/server/trpc/trpc";

export const externalRunsRouter = router({
  get: procedure
    .input(externalRunRequestSchema)
    .output(externalRunResponseSchema)
    .query(async ({ ctx, input }) => {
      const { trackedRuns, trackedFiles } = ctx.services;
      const [{ reportedBy, heardAt, tags, config }, files, rollouts] = await Promise.all([
        trackedRuns.get(input.runId),
        trackedFiles.list(input.runId),
        trackedRuns.describeRollouts(input.runId),
      ]);
      const { parameters } = config;
      return { reportedBy, heardAt, tags, parameters, files, ...rollouts };
    }),
  mappings: procedure
    .output(traceMappingsResponseSchema)
    .query(({ ctx }) => ctx.services.traceMappings.list()),
  saveMapping: procedure
    .input(saveTraceMappingRequestSchema)
    .output(z.object({ version: z.int() }))
    .mutation(({ ctx, input }) =>
      ctx.services.traceMappings.save(input.mapping, input.version, ctx.actor),
    ),
});
