import {
  getTaskRequestSchema,
  taskDetailSchema,
  cancelTaskRequestSchema,
  cancelTaskResponseSchema,
  createTaskRequestSchema,
  createTaskResponseSchema,
} from "@/contracts/api/tasks";
import { procedure, router } from "@/server/trpc/trpc";

export const tasksRouter = router({
  /** Sends a short request to a suitable worker that is online; fails with the reason where there is none. */
  create: procedure
    .input(createTaskRequestSchema)
    .output(createTaskResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.tasks.create(input, ctx.actor)),
  get: procedure
    .input(getTaskRequestSchema)
    .output(taskDetailSchema)
    .query(({ ctx, input }) => ctx.services.tasks.get(input.id)),
  cancel: procedure
    .input(cancelTaskRequestSchema)
    .output(cancelTaskResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.tasks.cancel(input.id)),
});
