import {
  metricNamesRequest,
  metricNamesResponse,
  metricSeriesRequest,
  metricSeriesResponse,
} from "@/contracts/api/metrics";
import { procedure, router } from "@/server/trpc/trpc";

const metricNames = procedure
  .input(metricNamesRequest)
  .output(metricNamesResponse)
  .query(({ ctx, input }) => ctx.services.metrics.names(input.runId));

/** The surviving lineage only: a resumed run gives one curve. Every extreme survives the downsampling. */
const metricSeries = procedure
  .input(metricSeriesRequest)
  .output(metricSeriesResponse)
  .query(({ ctx, input }) =>
    ctx.services.metrics.series(input.runId, input.names, input.maxPoints),
  );

export const metricsRouter = router({ names: metricNames, series: metricSeries });
