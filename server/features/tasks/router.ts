import {
  getTaskRequest,
  taskDetail,
  cancelTaskRequest,
  cancelTaskResponse,
  createTaskRequest,
  createTaskResponse,
} from "@/contracts/api/tasks";
import { procedure, router } from "@/server/trpc/trpc";

const getTask = procedure
  .input(getTaskRequest)
  .output(taskDetail)
  .query(({ ctx, input }) => ctx.services.tasks.get(input.id));

const cancelTask = procedure
  .input(cancelTaskRequest)
  .output(cancelTaskResponse)
  .mutation(({ ctx, input }) => ctx.services.tasks.cancel(input.id));

/** Sends a short request to a suitable worker that is online; fails with the reason where there is none. */
const createTask = procedure
  .input(createTaskRequest)
  .output(createTaskResponse)
  .mutation(({ ctx, input }) => ctx.services.tasks.create(input, ctx.actor));

export const tasksRouter = router({ create: createTask, get: getTask, cancel: cancelTask });
