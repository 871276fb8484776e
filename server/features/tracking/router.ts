import { externalRunRequestSchema, externalRunResponseSchema } from "@/contracts/api/external-runs";
import { procedure, router } from "@/server/trpc/trpc";

export const externalRunsRouter = router({
  get: procedure
    .input(externalRunRequestSchema)
    .output(externalRunResponseSchema)
    .query(async ({ ctx, input }) => {
      const { trackedRuns, trackedFiles } = ctx.services;
      const [{ reportedBy, heardAt, tags }, files, episodes] = await Promise.all([
        trackedRuns.get(input.runId),
        trackedFiles.list(input.runId),
        trackedRuns.countEpisodes(input.runId),
      ]);
      return { reportedBy, heardAt, tags, files, episodes };
    }),
});
