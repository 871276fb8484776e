import { z } from "zod";
import { runConfig } from "@/contracts/run-config";
import { runState } from "@/contracts/run-state";
import { episodeRow } from "../episodes/list";
import { metricPointRow } from "../metrics/series";
import { procedure } from "../trpc";

export const exportRunRequest = z.object({
  id: z.uuid(),
  cursor: z.string().nullish(),
  limit: z.int().min(1).max(1000).default(500),
});
export const exportRunResponse = z.object({
  run: z.object({
    id: z.uuid(),
    name: z.string(),
    state: runState,
    createdAt: z.date(),
    startedAt: z.date().nullable(),
    endedAt: z.date().nullable(),
    error: z.string().nullable(),
  }),
  config: runConfig,
  /** At most 2,000 points a metric; on the first page only. */
  metrics: z.record(z.string(), z.array(metricPointRow)),
  episodes: z.array(episodeRow),
  nextCursor: z.string().nullable(),
});

export const exportRun = procedure
  .input(exportRunRequest)
  .output(exportRunResponse)
  .query(({ ctx, input }) => ctx.services.runReader.export(input));
