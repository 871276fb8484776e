import type { Logger } from "pino";
import { z } from "zod";
import { toWireError } from "@/contracts/errors";
import type { Database } from "@/server/platform/db/database";
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

/** Runs maintenance jobs in their order, each when its interval is over. Of several servers one at a time does it. */
export class MaintenanceLoop {
  private timer: NodeJS.Timeout | undefined;
  private current: Promise<void> = Promise.resolve();
  private stopped = false;
  private readonly startedAt = new Map<MaintenanceJob, number>();

  constructor(
    private readonly database: Database,
    private readonly jobs: readonly MaintenanceJob[],
    /** Time between two rounds. */
    private readonly intervalMs: number,
    private readonly log: Logger,
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
        .catch((error: unknown) =>
          this.log.error({ error: toWireError(error) }, "a maintenance round failed"),
        )
        .finally(() => this.schedule());
    }, this.intervalMs);
  }

  /** The lock is held by a transaction of its own while the jobs work in others. */
  private async runRound(): Promise<void> {
    await this.database.db.$transaction(
      async (db) => {
        const row = await queryRow(db, z.object({ locked: z.boolean() }))`
          SELECT pg_try_advisory_xact_lock(${LOCKS.maintenance}::bigint) AS locked`;
        if (row?.locked) await this.runDueJobs();
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
        this.log.error({ job: job.name, error: toWireError(error) }, "a maintenance job failed");
      });
    }
  }
}
