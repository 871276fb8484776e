import { z } from "zod";
import { runKind, runState } from "@/contracts/run-state";
import {
  attachRequest,
  hardware,
  progress,
  serviceReport,
  slots,
} from "@/contracts/worker-protocol";
import { procedure } from "../trpc";
import { storedLogLine } from "../runs/logs";

export const workerRow = z.object({
  id: z.uuid(),
  name: z.string(),
  state: z.enum(["online", "offline"]),
  lastSeenAt: z.date(),
  attachedAt: z.date(),
  hardware,
  slots,
  freeSlots: slots,
  capabilities: attachRequest.shape.capabilities,
  services: z.array(serviceReport),
  /** The last hour, at most 120 points, oldest first. Shares 0..1. */
  usage: z.array(
    z.object({
      at: z.date(),
      cpu: z.number(),
      memoryMb: z.number(),
      gpus: z.array(z.object({ utilisation: z.number(), memoryMb: z.number() })),
    }),
  ),
  runs: z.array(
    z.object({
      id: z.uuid(),
      name: z.string(),
      kind: runKind,
      state: runState,
      attempt: z.int(),
      progress: progress.nullable(),
    }),
  ),
  tasks: z.array(
    z.object({ id: z.uuid(), kind: z.string(), detail: z.string(), fraction: z.number() }),
  ),
  /** The last 20 lines that belong to no run. */
  logs: z.array(storedLogLine),
});
export type WorkerRow = z.infer<typeof workerRow>;

export const listWorkers = procedure
  .input(z.object({}).optional())
  .output(z.array(workerRow))
  .query(({ ctx }) => ctx.services.workerReader.list());
