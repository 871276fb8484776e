import { z } from "zod";
import { wireError } from "@/contracts/errors";
import { procedure } from "../trpc";

export const taskState = z.enum(["running", "succeeded", "failed", "cancelled"]);
export type TaskState = z.infer<typeof taskState>;
export const taskKind = z.enum([
  "query",
  "documents",
  "dry-run",
  "index-plan",
  "remove-corpus",
  "turn-gains",
]);
export type TaskKind = z.infer<typeof taskKind>;

export const getTaskRequest = z.object({ id: z.uuid() });
export const taskDetail = z.object({
  id: z.uuid(),
  kind: taskKind,
  state: taskState,
  worker: z.object({ id: z.uuid(), name: z.string() }),
  detail: z.string(),
  /** 0..1 */
  fraction: z.number(),
  createdAt: z.date(),
  endedAt: z.date().nullable(),
  error: wireError.nullable(),
  /** What contracts/worker-protocol.ts names for the kind (queryResult, dryRunResult, ...); checked against it. */
  result: z.unknown(),
});
export type TaskDetail = z.infer<typeof taskDetail>;

export const getTask = procedure
  .input(getTaskRequest)
  .output(taskDetail)
  .query(({ ctx, input }) => ctx.services.tasks.get(input.id));
