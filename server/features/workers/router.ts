import {
  createTokenRequestSchema,
  createTokenResponseSchema,
  workerRowSchema,
  workerLogsRequestSchema,
  revokeTokenRequestSchema,
  listTokensResponseSchema,
} from "@/contracts/api/workers";
import { z } from "zod";
import { runLogsResponseSchema } from "@/contracts/api/runs";
import { procedure, router } from "@/server/trpc/trpc";

export const workersRouter = router({
  list: procedure
    .input(z.object({}).optional())
    .output(z.array(workerRowSchema))
    .query(({ ctx }) => ctx.services.workerReader.list()),
  createToken: procedure
    .input(createTokenRequestSchema)
    .output(createTokenResponseSchema)
    .mutation(async ({ ctx, input }) => {
      const { id, token } = await ctx.services.workerTokens.create(input.name, ctx.actor);
      return {
        id,
        token,
        // In the environment: every user of a machine can read the arguments of its processes.
        command: `S3_WORKER_TOKEN=${token} npm run worker -- --server ${new URL(input.serverUrl).origin}`,
      };
    }),
  tokens: procedure
    .input(z.object({}).optional())
    .output(listTokensResponseSchema)
    .query(({ ctx }) => ctx.services.workerTokens.list()),
  /** Workers that attached with it are cut off at once. */
  revokeToken: procedure
    .input(revokeTokenRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.workerTokens.revoke(input.id);
      ctx.services.workerConnections.disconnectToken(input.id);
      return {};
    }),
  /** Lines of the agent and its services that belong to no run, oldest first. */
  logs: procedure
    .input(workerLogsRequestSchema)
    .output(runLogsResponseSchema)
    .query(({ ctx, input }) => ctx.services.logs.listForWorker(input.workerId, input)),
});
