import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";
import type { LiveEvent } from "@/contracts/api/live";
import { retry, waitFor } from "@/lib/retry";
import { EVENT_CHANNEL, type Database } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";
import { deleteOldEvents, selectEventIds, selectEvents } from "./queries";

const PAGE_SIZE = 500;
const RECONNECT_MS = 500;

/** The event log, which subscribers follow: a LISTEN connection of its own wakes them when something was committed. */
export class LiveEvents {
  private client: pg.Client | null = null;
  private stopped = false;
  /** Grows with every notification, so that one that comes while a subscriber reads is not lost. */
  private version = 0;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly database: Database,
    private readonly timings: Timings,
    private readonly log: Logger,
  ) {}

  async start(): Promise<void> {
    await this.connect();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wakeSubscribers();
    await this.client?.end().catch(() => {});
  }

  /** Deletes the events that are older than the retention. */
  prune(): Promise<number> {
    return deleteOldEvents(this.database.db, this.timings.eventRetentionMs);
  }

  /**
   * Yields events in the order of their ids, each exactly once, until the signal is aborted.
   *
   * @param options.runId only events of this run; null: of all
   * @param options.after id of the last event that was seen; null: from now on, beginning with a `sync`
   */
  async *subscribe(options: {
    runId: string | null;
    after: string | null;
    signal?: AbortSignal;
  }): AsyncGenerator<LiveEvent, void, void> {
    const { runId, signal } = options;
    let last = options.after === null ? null : BigInt(options.after);
    if (last === null || (await this.isPruned(last))) {
      last = await this.readLastId();
      yield { id: String(last), kind: "sync", runId, payload: {} };
    }
    while (!this.stopped && !signal?.aborted) {
      const version = this.version;
      const rows = await selectEvents(this.database.db, last, runId, PAGE_SIZE);
      for (const row of rows) {
        last = row.id;
        yield { ...row, id: String(row.id) };
      }
      if (rows.length === PAGE_SIZE) continue;
      await this.waitForChange(version, signal);
      await sleep(this.timings.liveThrottleMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** The newest id that is visible; where the log is empty, the last that was assigned. */
  private async readLastId(): Promise<bigint> {
    const { newest, assigned } = await selectEventIds(this.database.db);
    return newest ?? assigned;
  }

  /** True where events after `id` were deleted already, or the id is none of this database's. */
  private async isPruned(id: bigint): Promise<boolean> {
    const { oldest, assigned } = await selectEventIds(this.database.db);
    if (id > assigned) return true;
    return oldest === null ? id < assigned : id < oldest - 1n;
  }

  /** Waits for a notification that came after `version`, or comes later. */
  private waitForChange(version: number, signal?: AbortSignal): Promise<void> {
    if (this.version !== version || this.stopped || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      this.waiting.add(done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  private wakeSubscribers(): void {
    this.version++;
    for (const done of [...this.waiting]) done();
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.database.url, keepAlive: true });
    client.on("notification", () => this.wakeSubscribers());
    client.on("error", (error) =>
      this.log.warn({ error: error.message }, "the LISTEN connection failed"),
    );
    client.on("end", () => void this.reconnect());
    await client.connect();
    await client.query(`LISTEN ${EVENT_CHANNEL}`);
    this.client = client;
    // Something may have been committed while nobody listened.
    this.wakeSubscribers();
  }

  private async reconnect(): Promise<void> {
    await sleep(RECONNECT_MS);
    await retry(
      async () => {
        if (!this.stopped) await this.connect();
      },
      {
        backoff: waitFor(RECONNECT_MS),
        onRetry: (error) =>
          this.log.warn(
            { error: error instanceof Error ? error.message : String(error) },
            "cannot listen to the database; trying again",
          ),
      },
    );
  }
}
