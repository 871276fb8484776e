import { z } from "zod";
import {
  createPoolRequestSchema,
  pausePoolRequestSchema,
  poolIdRequestSchema,
  poolRowSchema,
  poolWorkerIdRequestSchema,
  updatePoolRequestSchema,
} from "@/contracts/api/pools";
import { procedure, router } from "@/server/trpc/trpc";

const emptyResponseSchema = z.object({});

export const poolsRouter = router({
  list: procedure.output(z.array(poolRowSchema)).query(({ ctx }) => ctx.services.pools.list()),
  create: procedure
    .input(createPoolRequestSchema)
    .output(z.object({ id: z.uuid() }))
    .mutation(({ ctx, input }) => ctx.services.pools.create(input, ctx.actor)),
  update: procedure
    .input(updatePoolRequestSchema)
    .output(emptyResponseSchema)
    .mutation(async ({ ctx, input }) => {
      await ctx.services.pools.update(input);
      return {};
    }),
  /** Paused, it starts none; resumed, what failed before is forgotten. */
  pause: procedure
    .input(pausePoolRequestSchema)
    .output(emptyResponseSchema)
    .mutation(async ({ ctx, input }) => {
      await ctx.services.pools.pause(input.id, input.paused);
      return {};
    }),
  remove: procedure
    .input(poolIdRequestSchema)
    .output(emptyResponseSchema)
    .mutation(async ({ ctx, input }) => {
      await ctx.services.pools.remove(input.id);
      return {};
    }),
  /** Asks the scheduler whether it would take the job, without starting one; an error says why not. */
  test: procedure
    .input(poolIdRequestSchema)
    .output(z.object({ said: z.string(), script: z.string() }))
    .mutation(({ ctx, input }) => ctx.services.pools.test(input.id)),
  /** Requests one worker, whatever waits. */
  startWorker: procedure
    .input(poolIdRequestSchema)
    .output(z.object({ id: z.uuid() }))
    .mutation(({ ctx, input }) => ctx.services.poolReconciler.requestWorker(input.id)),
  endWorker: procedure
    .input(poolWorkerIdRequestSchema)
    .output(emptyResponseSchema)
    .mutation(async ({ ctx, input }) => {
      await ctx.services.pools.endWorker(input.id, ctx.actor);
      return {};
    }),
});
