import { z } from "zod";
import { procedure } from "../trpc";

export const metricNamesRequest = z.object({ runId: z.uuid() });
export const metricNamesResponse = z.array(
  z.object({
    name: z.string(),
    description: z.string().nullable(),
    lastStep: z.int(),
    lastValue: z.number(),
    lastAt: z.date(),
  }),
);

export const metricNames = procedure
  .input(metricNamesRequest)
  .output(metricNamesResponse)
  .query(({ ctx, input }) => ctx.services.metrics.names(input.runId));
