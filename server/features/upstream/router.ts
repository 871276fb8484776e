import {
  exportUpstreamRequestSchema,
  exportUpstreamResponseSchema,
  importUpstreamRequestSchema,
  importUpstreamResponseSchema,
} from "@/contracts/api/upstream";
import { procedure, router } from "@/server/trpc/trpc";

/** A run as upstream's files: sequences, results, statistics and naive-RAG cache, or rollouts of a training. */
const exportUpstream = procedure
  .input(exportUpstreamRequestSchema)
  .output(exportUpstreamResponseSchema)
  .query(({ ctx, input }) => ctx.services.upstreamExport.export(input.runId));

/** Upstream's result files become runs with episodes to inspect, marked as imported. */
const importUpstream = procedure
  .input(importUpstreamRequestSchema)
  .output(importUpstreamResponseSchema)
  .mutation(({ ctx, input }) => ctx.services.upstreamImport.import(input, ctx.actor));

export const upstreamRouter = router({ import: importUpstream, export: exportUpstream });
