import { z } from "zod";
import { retriever } from "@/contracts/run-config";
import { procedure } from "../trpc";

export const createTaskRequest = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("query"), corpus: z.string().min(1), retriever, query: z.string().trim().min(1, "type a query").max(2000), k: z.int().min(1).max(50).default(10), /** Null: any worker that can. */ workerId: z.uuid().nullish() }),
  /** Documents of a corpus, read where it lies. */
  z.object({ kind: z.literal("documents"), corpus: z.string().min(1), ids: z.array(z.string().trim().min(1).max(512)).min(1).max(50) }),
  /** Eight questions with the exact configuration. */
  z.object({ kind: z.literal("dry-run"), config: z.unknown() }),
  /** What each turn of a stored episode gained. */
  z.object({ kind: z.literal("turn-gains"), episodeId: z.uuid() }),
]);
export const createTaskResponse = z.object({ taskId: z.uuid() });

/** Sends a short request to a suitable worker that is online; fails with the reason where there is none. */
export const createTask = procedure
  .input(createTaskRequest)
  .output(createTaskResponse)
  .mutation(({ ctx, input }) => ctx.services.tasks.create(input, ctx.actor));
