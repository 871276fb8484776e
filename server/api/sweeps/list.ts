import { z } from "zod";
import { runKind, runState } from "@/contracts/run-state";
import { procedure } from "../trpc";

export const listSweepsRequest = z.object({
  cursor: z.string().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const sweepRow = z.object({
  id: z.uuid(),
  name: z.string(),
  createdAt: z.date(),
  preset: z.string().nullable(),
  kind: runKind,
  /** Settings that vary. */
  paths: z.array(z.string()),
  seeds: z.array(z.int()),
  runs: z.int(),
  /** Runs per state. */
  counts: z.partialRecord(runState, z.int()),
});
export type SweepRow = z.infer<typeof sweepRow>;

export const listSweepsResponse = z.object({
  rows: z.array(sweepRow),
  nextCursor: z.string().nullable(),
});

/** Newest first. */
export const listSweeps = procedure
  .input(listSweepsRequest)
  .output(listSweepsResponse)
  .query(({ ctx, input }) => ctx.services.sweepReader.list(input));
