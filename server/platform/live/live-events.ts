import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Logger } from "pino";
import type { LiveEvent } from "@/contracts/api/live";
import { doubleWait, retry } from "@/lib/retry";
import { EVENT_CHANNEL, type Database } from "@/server/platform/db/database";
import { isDatabaseUnavailable } from "@/server/platform/db/errors";
import type { Timings } from "@/server/platform/timings";
import { deleteOldEvents, selectEventIds, selectEvents, type StoredEvent } from "./queries";

const PAGE_SIZE = 500;
/** Waits for a database that is away: they double up to the second. */
const RECONNECT_MS = [250, 5_000] as const;
const CONNECT_MS = 10_000;

/** Events that are kept for subscribers that are up to date. */
const KEPT_EVENTS = 500;

/** A connection that listens. */
interface Listener {
  ended: Promise<void>;
}

/** The event log, which subscribers follow: a LISTEN connection of its own wakes them when something was committed. */
export class LiveEvents {
  private client: pg.Client | null = null;
  private listening: Promise<void> = Promise.resolve();
  private readonly stopping = new AbortController();
  /** Grows with every notification, so that one that comes while a subscriber reads is not lost. */
  private version = 0;
  private readonly waiting = new Set<() => void>();
  /** All events after an id, as far as they were read; null before the first subscriber. */
  private recent: { after: bigint; events: StoredEvent[] } | null = null;
  private reading: { version: number; done: Promise<void> } | null = null;

  constructor(
    private readonly database: Database,
    private readonly timings: Timings,
    private readonly log: Logger,
  ) {}

  /** @throws where the database cannot be reached now; later it is waited for */
  async start(): Promise<void> {
    this.listening = this.keepListening(await this.connect());
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.wakeSubscribers();
    await this.client?.end().catch(() => {});
    await this.listening;
  }

  /** Changes with every commit of this process, and with every one of others that stored events. */
  get state(): string {
    return `${this.database.commits}.${this.version}`;
  }

  /** Deletes the events that are older than the retention. */
  prune(): Promise<number> {
    return deleteOldEvents(this.database.db, this.timings.eventRetentionMs);
  }

  /**
   * Yields events in the order of their ids, each exactly once, until the signal is aborted. While the database is away
   * it waits, and goes on after the last event that it gave.
   *
   * @param options.runId only events of this run; null: of all
   * @param options.after id of the last event that was seen; null: from now on, beginning with a `sync`
   */
  async *subscribe(options: {
    runId: string | null;
    after: string | null;
    signal?: AbortSignal | undefined;
  }): AsyncGenerator<LiveEvent, void, void> {
    const { runId } = options;
    const stopping = this.stopping.signal;
    const signal = options.signal ? AbortSignal.any([options.signal, stopping]) : stopping;
    const after = options.after === null ? null : BigInt(options.after);
    let last =
      after === null || (await this.waitForDatabase(() => this.isPruned(after), signal))
        ? null
        : after;
    if (last === null) {
      last = await this.waitForDatabase(() => this.readLastId(), signal);
      yield { id: String(last), kind: "sync", runId, payload: {} };
    }
    for (let readAt = -Infinity; !signal.aborted;) {
      const wait = readAt + this.timings.liveThrottleMs - performance.now();
      if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => undefined);
      readAt = performance.now();
      const version = this.version;
      const from: bigint = last;
      const { rows, isEnd } = await this.waitForDatabase(
        () => this.readAfter(from, runId),
        signal,
      ).catch((error: unknown) => {
        if (signal.aborted) return { rows: [], isEnd: true };
        throw error;
      });
      for (const row of rows) {
        last = row.id;
        yield { ...row, id: String(row.id) };
      }
      if (isEnd) await this.waitForChange(version, signal);
    }
  }

  /**
   * Events after an id. Subscribers that are up to date share one read for each change; one that comes from further back
   * reads for itself until it has caught up.
   */
  private async readAfter(
    id: bigint,
    runId: string | null,
  ): Promise<{ rows: StoredEvent[]; isEnd: boolean }> {
    if (this.recent === null) {
      const newest = await this.readLastId();
      this.recent ??= { after: newest, events: [] };
    }
    if (id >= this.recent.after) await this.readRecent(this.version);
    const { after, events } = this.recent;
    if (id < after) {
      const rows = await selectEvents(this.database.db, id, runId, PAGE_SIZE);
      return { rows, isEnd: rows.length < PAGE_SIZE };
    }
    let first = events.length;
    while (first > 0 && events[first - 1]!.id > id) first -= 1;
    const rows = events.slice(first).filter((event) => runId === null || event.runId === runId);
    return { rows, isEnd: true };
  }

  /** Reads what was committed until `version`, once for all who wait for it. */
  private async readRecent(version: number): Promise<void> {
    while (this.reading && this.reading.version < version)
      await this.reading.done.catch(() => undefined);
    this.reading ??= {
      version: this.version,
      done: this.appendRecent().finally(() => {
        this.reading = null;
      }),
    };
    await this.reading.done;
  }

  private async appendRecent(): Promise<void> {
    const recent = this.recent!;
    for (let isEnd = false; !isEnd;) {
      const last = recent.events.at(-1)?.id ?? recent.after;
      const rows = await selectEvents(this.database.db, last, null, PAGE_SIZE);
      recent.events.push(...rows);
      const excess = recent.events.length - KEPT_EVENTS;
      if (excess > 0) recent.after = recent.events.splice(0, excess).at(-1)!.id;
      isEnd = rows.length < PAGE_SIZE;
    }
  }

  /** The id of the newest event: a subscription after it tells all that is stored later. */
  async readPosition(): Promise<string> {
    return String(await this.readLastId());
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
  private waitForChange(version: number, signal: AbortSignal): Promise<void> {
    if (this.version !== version || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  private wakeSubscribers(): void {
    this.version++;
    for (const done of [...this.waiting]) done();
  }

  /** Repeats a read until the database answers. */
  private waitForDatabase<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const [first, longest] = RECONNECT_MS;
    return retry(read, {
      backoff: doubleWait(first, { longestMs: longest }),
      shouldRetry: isDatabaseUnavailable,
      signal,
    });
  }

  /** The one loop that holds the connection: whenever it has ended, and only then, another one is opened. */
  private async keepListening(listener: Listener): Promise<void> {
    const { signal } = this.stopping;
    const [first, longest] = RECONNECT_MS;
    for (let current = listener; ;) {
      await current.ended;
      this.client = null;
      if (signal.aborted) return;
      this.log.warn("the connection that listens to the database ended; opening another");
      try {
        current = await retry(() => this.connect(), {
          backoff: doubleWait(first, { longestMs: longest }),
          signal,
          onRetry: (error, failures) => {
            if (failures === 1)
              this.log.warn(
                { error: error instanceof Error ? error.message : String(error) },
                "cannot listen to the database; trying again until it answers",
              );
          },
        });
      } catch {
        return; // only where it was stopped
      }
      this.log.info("listening to the database again");
    }
  }

  private async connect(): Promise<Listener> {
    const client = new pg.Client({
      connectionString: this.database.url,
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_MS,
    });
    client.on("notification", () => this.wakeSubscribers());
    client.on("error", () => undefined); // it ends, which the loop notices
    // Also a client that never connected ends, so nothing but the loop may act on it.
    const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
    try {
      await client.connect();
      await client.query(`LISTEN ${EVENT_CHANNEL}`);
      this.stopping.signal.throwIfAborted();
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    this.client = client;
    // Something may have been committed while nobody listened.
    this.wakeSubscribers();
    return { ended };
  }
}
