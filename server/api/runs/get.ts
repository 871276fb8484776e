import { z } from "zod";
import { runConfig } from "@/contracts/run-config";
import { preflightItem } from "@/contracts/worker-protocol";
import { procedure } from "../trpc";
import { runRow } from "./list";

export const runAction = z.enum(["cancel", "resume", "duplicate"]);
export const attemptOutcome = z.enum(["succeeded", "failed", "cancelled", "lost"]);

export const getRunRequest = z.object({ id: z.uuid() });
export const runDetail = runRow.extend({
  config: runConfig,
  createdBy: z.string(),
  preflight: z.array(preflightItem),
  attempts: z.array(
    z.object({
      number: z.int(),
      worker: z.object({ id: z.uuid(), name: z.string() }),
      startedAt: z.date(),
      endedAt: z.date().nullable(),
      /** Step of the checkpoint it went on from; null: from the beginning. */
      fromStep: z.int().nullable(),
      outcome: attemptOutcome.nullable(),
      reason: z.string().nullable(),
    }),
  ),
  /** Why a queued run is not taken yet, e.g. "no attached worker has the model …"; null otherwise. */
  waitingFor: z.string().nullable(),
  actions: z.array(runAction),
});
export type RunDetail = z.infer<typeof runDetail>;

export const getRun = procedure
  .input(getRunRequest)
  .output(runDetail)
  .query(({ ctx, input }) => ctx.services.runReader.get(input.id));
