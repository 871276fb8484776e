import { z } from "zod";
import { rowIdSchema } from "./row-id";

/**
 * `sync` comes first on a new subscription, and where the wanted past is no longer kept: what lies before its id is
 * not told, so read again. The others say that something of that kind was stored; the page then queries.
 */
export const liveEventKindSchema = z.enum([
  "sync",
  "run",
  "metrics",
  "alarms",
  "episodes",
  "logs",
  "progress",
  "task",
  "worker",
]);

export type LiveEventKind = z.infer<typeof liveEventKindSchema>;

export interface LiveEvent {
  /** Decimal, growing; pass the last one seen as `after` to go on without a gap. */
  id: string;
  kind: LiveEventKind;
  runId: string | null;
  /**
   * Small, by kind. run: {state, attempt} where its state changed; metrics: {names, step}; alarms: {names}; episodes: {phase, step, count}; logs: {count};
   * progress: a Progress; task: {taskId, state, fraction, detail}; worker: {workerId, state}.
   */
  payload: Record<string, unknown>;
}

export const liveEventsRequestSchema = z.object({
  /** Only events of this run; without it, all. */
  runId: z.uuid().nullish(),
  after: rowIdSchema.nullish(),
  /** Filled in by the tRPC client when it reconnects; wins over `after`. */
  lastEventId: rowIdSchema.nullish(),
});
