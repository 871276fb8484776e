import { z } from "zod";
import { procedure } from "../trpc";
import { taskState } from "./get";

export const cancelTaskRequest = z.object({ id: z.uuid() });
export const cancelTaskResponse = z.object({ state: taskState });

export const cancelTask = procedure
  .input(cancelTaskRequest)
  .output(cancelTaskResponse)
  .mutation(({ ctx, input }) => ctx.services.tasks.cancel(input.id));
