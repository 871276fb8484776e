import type { TaskKind } from "@/contracts/api/tasks";

/** Every time-out and interval of the control plane, in milliseconds, so that tests run the real code fast. */
export interface Timings {
  /** A lease that gets no heartbeat for this long is lost. */
  leaseMs: number;
  heartbeatMs: number;
  /** A worker without a heartbeat for this long is offline. */
  offlineMs: number;
  /** Time between two rounds of maintenance. */
  maintenanceMs: number;
  /** Shortest time between two removals of old events, uploads and abandoned artifacts. */
  removalMs: number;
  taskMs: Record<TaskKind, number>;
  /** Shortest time between two reads of the event log by one subscriber. */
  liveThrottleMs: number;
  eventRetentionMs: number;
  usageRetentionMs: number;
  /** How long lines of workers that belong to no run are kept. */
  workerLogRetentionMs: number;
  /** How long lines of runs and sent notifications are kept. */
  runLogRetentionMs: number;
  /** How long a deleted run can be restored. */
  deletedRunMs: number;
  /** How long an upload that was imported is kept after it was last used. */
  importedUploadMs: number;
  /** How long an upload that was not imported is kept after it was last used. */
  unusedUploadMs: number;
  /** An external run whose trainer says nothing for this long is stalled. */
  externalSilenceMs: number;
  /** How long a new WebSocket may stay silent before it attaches. */
  attachMs: number;
  /** Time between two looks at the scheduler of a pool whose workers have not ended. */
  poolMs: number;
  /** Wait after the first start of a pool that failed; it doubles up to twenty times as long. */
  poolRetryMs: number;
}

export const DEFAULT_TIMINGS: Timings = {
  leaseMs: 20_000,
  heartbeatMs: 2_000,
  offlineMs: 10_000,
  maintenanceMs: 1_000,
  removalMs: 60_000,
  taskMs: {
    query: 120_000,
    documents: 120_000,
    "dry-run": 600_000,
    "index-plan": 300_000,
    "corpus-preview": 120_000,
    "remove-corpus": 300_000,
    "turn-gains": 300_000,
    play: 900_000,
  },
  liveThrottleMs: 100,
  eventRetentionMs: 6 * 3_600_000,
  usageRetentionMs: 24 * 3_600_000,
  workerLogRetentionMs: 14 * 24 * 3_600_000,
  runLogRetentionMs: 365 * 24 * 3_600_000,
  deletedRunMs: 30 * 24 * 3_600_000,
  importedUploadMs: 3_600_000,
  unusedUploadMs: 7 * 24 * 3_600_000,
  externalSilenceMs: 15 * 60_000,
  attachMs: 10_000,
  poolMs: 5_000,
  poolRetryMs: 30_000,
};
