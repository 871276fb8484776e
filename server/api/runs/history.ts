import { z } from "zod";
import { runState } from "@/contracts/run-state";
import { procedure } from "../trpc";

export const runHistoryRequest = z.object({ id: z.uuid() });
export const runHistoryResponse = z.array(
  z.object({
    sequence: z.int(),
    at: z.date(),
    /** Null: the run was created. */
    from: runState.nullable(),
    to: runState,
    attempt: z.int(),
    actor: z.string(),
    reason: z.string().nullable(),
  }),
);

export const runHistory = procedure
  .input(runHistoryRequest)
  .output(runHistoryResponse)
  .query(({ ctx, input }) => ctx.services.runReader.history(input.id));
