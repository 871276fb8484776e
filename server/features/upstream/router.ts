import {
  exportUpstreamRequestSchema,
  exportUpstreamResponseSchema,
  importUpstreamRequestSchema,
  importUpstreamResponseSchema,
} from "@/contracts/api/upstream";
import { procedure, router } from "@/server/trpc/trpc";

export const upstreamRouter = router({
  /** Upstream's result files become runs with episodes to inspect, marked as imported. */
  import: procedure
    .input(importUpstreamRequestSchema)
    .output(importUpstreamResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.upstreamImport.import(input, ctx.actor),
    ) /** A run as upstream's files: sequences, results, statistics and naive-RAG cache, or rollouts of a training. */,
  export: procedure
    .input(exportUpstreamRequestSchema)
    .output(exportUpstreamResponseSchema)
    .query(({ ctx, input }) => ctx.services.upstreamExport.export(input.runId)),
});
