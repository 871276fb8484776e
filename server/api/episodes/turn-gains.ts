import { z } from "zod";
import { turnGainsResult } from "@/contracts/worker-protocol";
import { procedure } from "../trpc";
import { taskDetail } from "../tasks/get";

export const turnGainsRequest = z.object({ episodeId: z.uuid() });
/** The last computation asked for (tasks.create with kind "turn-gains"); null where nobody asked yet. */
export const turnGainsResponse = z
  .object({ task: taskDetail.omit({ result: true }), result: turnGainsResult.nullable() })
  .nullable();

export const turnGains = procedure
  .input(turnGainsRequest)
  .output(turnGainsResponse)
  .query(({ ctx, input }) => ctx.services.tasks.turnGains(input.episodeId));
