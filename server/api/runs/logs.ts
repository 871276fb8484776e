import { z } from "zod";
import { logLine } from "@/contracts/worker-protocol";
import { procedure } from "../trpc";

export const logLevel = logLine.shape.level;
export const storedLogLine = z.object({
  id: z.string(),
  at: z.date(),
  level: logLevel,
  source: z.string(),
  message: z.string(),
  attempt: z.int().nullable(),
});

export const runLogsRequest = z.object({
  id: z.uuid(),
  /** Lines after this one; without it the last `limit` lines. */
  after: z.string().regex(/^\d+$/).nullish(),
  /** This level and the graver ones. */
  level: logLevel.default("debug"),
  limit: z.int().min(1).max(2000).default(500),
});
/** Oldest first. */
export const runLogsResponse = z.object({ lines: z.array(storedLogLine) });

export const runLogs = procedure
  .input(runLogsRequest)
  .output(runLogsResponse)
  .query(({ ctx, input }) => ctx.services.logs.ofRun(input.id, input));
