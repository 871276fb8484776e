import {
  metricNamesRequestSchema,
  metricNamesResponseSchema,
  metricSeriesRequestSchema,
  metricSeriesResponseSchema,
} from "@/contracts/api/metrics";
import { procedure, router } from "@/server/trpc/trpc";

const metricNames = procedure
  .input(metricNamesRequestSchema)
  .output(metricNamesResponseSchema)
  .query(({ ctx, input }) => ctx.services.metrics.listMetrics(input.runId));

/** The surviving lineage only: a resumed run gives one curve. Every extreme survives the downsampling. */
const metricSeries = procedure
  .input(metricSeriesRequestSchema)
  .output(metricSeriesResponseSchema)
  .query(({ ctx, input }) =>
    ctx.services.metrics.readSeries(input.runId, input.names, input.maxPoints),
  );

export const metricsRouter = router({ names: metricNames, series: metricSeries });
