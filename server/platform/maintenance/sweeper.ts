import type { Logger } from "pino";
import { toWireError } from "@/contracts/errors";
import type { Artifacts } from "@/server/features/artifacts/artifacts";
import type { Uploads } from "@/server/features/corpora/uploads";
import type { Database } from "@/server/platform/db/database";
import { LOCKS } from "@/server/platform/db/locks";
import type { Statistics } from "@/server/features/leaderboard/statistics";
import type { Runs } from "@/server/features/runs/runs";
import type { Tasks } from "@/server/features/tasks/tasks";
import type { Timings } from "@/server/platform/timings";
import type { WorkerRegistry } from "@/server/features/workers/registry";

/** How many sweeps lie between two of the slow jobs. */
const SLOW_EVERY = 60;

interface Swept {
  database: Database;
  runs: Runs;
  tasks: Tasks;
  registry: WorkerRegistry;
  artifacts: Artifacts;
  uploads: Uploads;
  statistics: Statistics;
  timings: Timings;
  log: Logger;
}

/** Does what nobody asks for: lost leases, late tasks, silent workers, statistics of new results, old events, uploads that were imported. One server at a time does it. */
export class Sweeper {
  private timer: NodeJS.Timeout | undefined;
  private current: Promise<void> = Promise.resolve();
  private stopped = false;
  private rounds = 0;

  constructor(private readonly swept: Swept) {}

  start(): void {
    this.schedule();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.current;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.current = this.sweep()
        .catch((error: unknown) =>
          this.swept.log.error({ error: toWireError(error) }, "a sweep failed"),
        )
        .finally(() => this.schedule());
    }, this.swept.timings.sweepMs);
  }

  /** The lock is held by a transaction of its own while the work is done in others. */
  private async sweep(): Promise<void> {
    const { database, runs, tasks, registry, artifacts, uploads, statistics, timings } = this.swept;
    await database.db.$transaction(
      async (db) => {
        const [row] = await db.$queryRaw<
          { locked: boolean }[]
        >`SELECT pg_try_advisory_xact_lock(${LOCKS.sweeper}::bigint) AS locked`;
        if (!row?.locked) return;
        await runs.expireLeases();
        await registry.sweep();
        await tasks.sweep();
        await statistics.refreshEnded();
        if (this.rounds++ % SLOW_EVERY !== 0) return;
        await database.db
          .$executeRaw`DELETE FROM events WHERE at < clock_timestamp() - ${timings.eventRetentionMs} * interval '1 millisecond'`;
        await artifacts.removeAbandoned();
        await uploads.prune(timings);
      },
      { maxWait: 30_000, timeout: 120_000 },
    );
  }
}
