import type { Logger } from "pino";
import { z } from "zod";
import { toWireError, type ErrorCode } from "@/contracts/errors";
import type { Database } from "@/server/platform/db/database";
import { isTransactionTimeout, toDatabaseAppError } from "@/server/platform/db/errors";
import { LOCKS } from "@/server/platform/db/locks";
import { queryRow } from "@/server/platform/db/query";

/** Work that is repeated at intervals. */
export interface MaintenanceJob {
  /** For the log. */
  name: string;
  /** Shortest time between two starts. */
  intervalMs: number;
  run(): Promise<unknown>;
}

/** Longest pause between two rounds while they fail. */
const LONGEST_PAUSE_MS = 2_000;

/** Errors of a job that say that nothing could be stored for a while. */
const STORES_NOTHING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "database-unavailable",
  "storage-full",
]);

/** Runs maintenance jobs in their order, each when its interval is over. Of several servers one at a time does it. */
export class MaintenanceLoop {
  private timer: NodeJS.Timeout | undefined;
  private current: Promise<void> = Promise.resolve();
  private stopped = false;
  private readonly startedAt = new Map<MaintenanceJob, number>();
  /** Rounds that failed since the last one that did not. */
  private failures = 0;
  /**
   * A round failed, or a job of one, as nothing could be stored: a full disk still lets others read, and a round succeed.
   * Work that took too long is none of that: it would do so each time, and recovering each time would end no lease.
   */
  private couldNotStore = false;

  constructor(
    private readonly database: Database,
    private readonly jobs: readonly MaintenanceJob[],
    /** Time between two rounds. */
    private readonly intervalMs: number,
    private readonly log: Logger,
    /** Runs before the jobs in each round after one in which nothing could be stored, until it succeeds and so do they. */
    private readonly recover: () => Promise<unknown> = () => Promise.resolve(),
  ) {}

  start(): void {
    this.schedule();
  }

  /** Ends the loop, after the round under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.current;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.current = this.runRound()
        .then(
          () => void (this.failures = 0),
          (error: unknown) => {
            if (!isTransactionTimeout(error)) this.couldNotStore = true;
            if (this.failures++ === 0)
              this.log.error({ error: toWireError(error) }, "a maintenance round failed");
          },
        )
        .finally(() => this.schedule());
    }, this.getPauseMs());
  }

  private getPauseMs(): number {
    const longest = Math.max(this.intervalMs, LONGEST_PAUSE_MS);
    return Math.min(longest, this.intervalMs * 2 ** Math.min(this.failures, 20));
  }

  /** The lock is held by a transaction of its own while the jobs work in others. */
  private async runRound(): Promise<void> {
    await this.database.db.$transaction(
      async (db) => {
        const row = await queryRow(db, z.object({ locked: z.boolean() }))`
          SELECT pg_try_advisory_xact_lock(${LOCKS.maintenance}::bigint) AS locked`;
        if (!row?.locked) return;
        if (this.couldNotStore) await this.recover();
        this.couldNotStore = false;
        await this.runDueJobs();
      },
      { maxWait: 30_000, timeout: 120_000 },
    );
  }

  private async runDueJobs(): Promise<void> {
    for (const job of this.jobs) {
      const now = performance.now();
      if (now - (this.startedAt.get(job) ?? -Infinity) < job.intervalMs) continue;
      this.startedAt.set(job, now);
      await job.run().catch((error: unknown) => {
        const wire = toWireError(toDatabaseAppError(error));
        if (STORES_NOTHING.has(wire.code) && !isTransactionTimeout(error))
          this.couldNotStore = true;
        this.log.error({ job: job.name, error: wire }, "a maintenance job failed");
      });
    }
  }
}
