import { z } from "zod";
import { logLevel, runLogsResponse } from "../runs/logs";
import { procedure } from "../trpc";

export const workerLogsRequest = z.object({
  workerId: z.uuid(),
  after: z.string().regex(/^\d+$/).nullish(),
  level: logLevel.default("debug"),
  limit: z.int().min(1).max(2000).default(500),
});

/** Lines of the agent and its services that belong to no run, oldest first. */
export const workerLogs = procedure
  .input(workerLogsRequest)
  .output(runLogsResponse)
  .query(({ ctx, input }) => ctx.services.logs.ofWorker(input.workerId, input));
