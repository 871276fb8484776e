import pg from "pg";
import type { Logger } from "pino";
import type { LiveEvent, LiveEventKind } from "@/contracts/api/live";
import { EVENT_CHANNEL, type Database } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";

interface EventRow {
  id: bigint;
  kind: LiveEventKind;
  runId: string | null;
  payload: Record<string, unknown>;
}

const PAGE = 500;
const RECONNECT_MS = 500;

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });

/** Wakes subscribers when something was committed (one dedicated LISTEN connection) and lets them read the event log. */
export class Live {
  private client: pg.Client | null = null;
  private stopped = false;
  /** Grows with every notification, so that one that comes while a subscriber reads is not lost. */
  private version = 0;
  private readonly waiting = new Set<() => void>();
  private readonly listeners = new Set<() => void>();

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
    this.wake();
    await this.client?.end().catch(() => {});
  }

  /** Called after each notification, at most once at a time per listener's own doing. Returns how to leave. */
  onNotify(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Events in the order of their ids, without end, each exactly once.
   *
   * @param after id of the last event that was seen; null: from now on, beginning with a `sync`
   */
  async *events(options: {
    runId: string | null;
    after: string | null;
    signal?: AbortSignal;
  }): AsyncGenerator<LiveEvent, void, void> {
    const { runId, signal } = options;
    let last = options.after === null ? null : BigInt(options.after);
    if (last === null || (await this.isForgotten(last))) {
      last = await this.lastId();
      yield { id: String(last), kind: "sync", runId, payload: {} };
    }
    while (!this.stopped && !signal?.aborted) {
      const version = this.version;
      const rows = await this.read(last, runId);
      for (const row of rows) {
        last = row.id;
        yield { ...row, id: String(row.id) };
      }
      if (rows.length === PAGE) continue;
      await this.changed(version, signal);
      await sleep(this.timings.liveThrottleMs, signal);
    }
  }

  private read(after: bigint, runId: string | null): Promise<EventRow[]> {
    return runId === null
      ? this.database.db.$queryRaw<
          EventRow[]
        >`SELECT id, kind, run_id AS "runId", payload FROM events WHERE id > ${after} ORDER BY id LIMIT ${PAGE}`
      : this.database.db.$queryRaw<
          EventRow[]
        >`SELECT id, kind, run_id AS "runId", payload FROM events WHERE id > ${after} AND run_id = ${runId}::uuid ORDER BY id LIMIT ${PAGE}`;
  }

  /** The newest id that is visible; where the log was emptied, the newest that ever was. */
  private async lastId(): Promise<bigint> {
    const [row] = await this.database.db.$queryRaw<{ id: bigint }[]>`
      SELECT coalesce((SELECT max(id) FROM events), (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)) AS id`;
    return row?.id ?? 0n;
  }

  /** True where events after `id` were deleted already, or the id is none of this database's. */
  private async isForgotten(id: bigint): Promise<boolean> {
    const [row] = await this.database.db.$queryRaw<{ oldest: bigint | null; newest: bigint }[]>`
      SELECT (SELECT min(id) FROM events) AS oldest, (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq) AS newest`;
    if (!row || id > row.newest) return true;
    return row.oldest === null ? id < row.newest : id < row.oldest - 1n;
  }

  private changed(version: number, signal?: AbortSignal): Promise<void> {
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

  private wake(): void {
    this.version++;
    for (const done of [...this.waiting]) done();
    for (const listener of this.listeners) listener();
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.database.url, keepAlive: true });
    client.on("notification", () => this.wake());
    client.on("error", (error) =>
      this.log.warn({ error: error.message }, "the LISTEN connection failed"),
    );
    client.on("end", () => void this.reconnect());
    await client.connect();
    await client.query(`LISTEN ${EVENT_CHANNEL}`);
    this.client = client;
    // What was committed while nobody listened.
    this.wake();
  }

  private async reconnect(): Promise<void> {
    while (!this.stopped) {
      await sleep(RECONNECT_MS);
      if (this.stopped) return;
      try {
        await this.connect();
        return;
      } catch (error) {
        this.log.warn(
          { error: error instanceof Error ? error.message : String(error) },
          "cannot listen to the database; trying again",
        );
      }
    }
  }
}
