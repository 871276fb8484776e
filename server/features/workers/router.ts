import {
  createTokenRequest,
  createTokenResponse,
  workerRow,
  workerLogsRequest,
  revokeTokenRequest,
  listTokensResponse,
} from "@/contracts/api/workers";
import { z } from "zod";
import { runLogsResponse } from "@/contracts/api/runs";
import { procedure, router } from "@/server/trpc/trpc";

const createToken = procedure
  .input(createTokenRequest)
  .output(createTokenResponse)
  .mutation(async ({ ctx, input }) => {
    const { id, token } = await ctx.services.tokens.create(input.name, ctx.actor);
    return {
      id,
      token,
      command: `npm run worker -- --server ${new URL(input.serverUrl).origin} --token ${token}`,
    };
  });

const listWorkers = procedure
  .input(z.object({}).optional())
  .output(z.array(workerRow))
  .query(({ ctx }) => ctx.services.workerReader.list());

/** Lines of the agent and its services that belong to no run, oldest first. */
const workerLogs = procedure
  .input(workerLogsRequest)
  .output(runLogsResponse)
  .query(({ ctx, input }) => ctx.services.logs.ofWorker(input.workerId, input));

/** Workers that attached with it are cut off at once. */
const revokeToken = procedure
  .input(revokeTokenRequest)
  .output(z.object({}))
  .mutation(async ({ ctx, input }) => {
    await ctx.services.tokens.revoke(input.id);
    ctx.services.hub.disconnectToken(input.id);
    return {};
  });

const listTokens = procedure
  .input(z.object({}).optional())
  .output(listTokensResponse)
  .query(({ ctx }) => ctx.services.tokens.list());

export const workersRouter = router({
  list: listWorkers,
  createToken,
  tokens: listTokens,
  revokeToken,
  logs: workerLogs,
});
