import { z } from "zod";
import { procedure } from "../trpc";

export const sweepSeriesRequest = z.object({
  id: z.uuid(),
  metric: z.string().min(1).max(120),
  /** Over all curves together. */
  maxPoints: z.int().min(2).max(2000).default(2000),
});

export const sweepSeriesResponse = z.object({
  metric: z.string(),
  /** One curve for each combination of which a run has reported the metric. */
  curves: z.array(
    z.object({
      row: z.int(),
      points: z.array(
        z.object({
          step: z.int(),
          mean: z.number(),
          /** Ends of the 95% t interval over the runs that have a value here; null where that is one. */
          low: z.number().nullable(),
          high: z.number().nullable(),
          n: z.int(),
          /** Grows where other runs have values than before: draw no line across. */
          stretch: z.int(),
        }),
      ),
    }),
  ),
});
export type SweepSeries = z.infer<typeof sweepSeriesResponse>;

export const sweepSeries = procedure
  .input(sweepSeriesRequest)
  .output(sweepSeriesResponse)
  .query(({ ctx, input }) => ctx.services.sweepReader.series(input));
