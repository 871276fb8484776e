import { z } from "zod";
import { procedure } from "../trpc";

export const exportUpstreamRequest = z.object({ runId: z.uuid() });
export const exportUpstreamResponse = z.object({
  files: z.array(z.object({ path: z.string(), content: z.string() })),
});

/** A run as upstream's files: sequences, results, statistics and naive-RAG cache, or rollouts of a training. */
export const exportUpstream = procedure
  .input(exportUpstreamRequest)
  .output(exportUpstreamResponse)
  .query(({ ctx, input }) => ctx.services.upstreamExport.export(input.runId));
