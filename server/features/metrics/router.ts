import {
  metricNamesRequestSchema,
  metricNamesResponseSchema,
  metricSeriesOfRunsRequestSchema,
  metricSeriesOfRunsResponseSchema,
  metricSeriesRequestSchema,
  metricSeriesResponseSchema,
} from "@/contracts/api/metrics";
import { procedure, router } from "@/server/trpc/trpc";

export const metricsRouter = router({
  names: procedure
    .input(metricNamesRequestSchema)
    .output(metricNamesResponseSchema)
    .query(({ ctx, input }) => ctx.services.metrics.listMetrics(input.runId)),
  /** Only points of the surviving lineage, so that a resumed run has one curve. Downsampling keeps every extreme. */
  series: procedure
    .input(metricSeriesRequestSchema)
    .output(metricSeriesResponseSchema)
    .query(({ ctx, input }) => ctx.services.metrics.readRunUpdates(input)),
  seriesOfRuns: procedure
    .input(metricSeriesOfRunsRequestSchema)
    .output(metricSeriesOfRunsResponseSchema)
    .query(({ ctx, input }) => ctx.services.metrics.readSeriesUpdates(input)),
});
