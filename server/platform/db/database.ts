import { PrismaPg } from "@prisma/adapter-pg";
import type { LiveEventKind } from "@/contracts/api/live";
import { retry, waitFor } from "@/lib/retry";
import { PrismaClient, type Prisma } from "./generated/client";
import { toJson } from "./json";
import { LOCKS } from "./locks";
import { createPool } from "./pool";

/** A client for statements outside or inside of a transaction. */
export type Queries = Prisma.TransactionClient;

interface NewEvent {
  kind: Exclude<LiveEventKind, "sync">;
  runId: string | null;
  payload: Record<string, unknown>;
}

export interface Transaction {
  db: Queries;
  /** Stores an event at the end of the transaction; subscribers hear of it after commit. */
  emit(event: NewEvent): void;
}

/** PostgreSQL channel that is notified after each commit that stored events. */
export const EVENT_CHANNEL = "s3_events";
/** The one project there is so far; every table has its id. */
export const DEFAULT_PROJECT = "00000000-0000-4000-8000-000000000001";

const isDeadlock = (error: unknown): boolean =>
  error instanceof Error &&
  /40P01|deadlock detected|P2034/.test(
    `${"code" in error ? String(error.code) : ""} ${error.message}`,
  );

/** The one connection pool. Reads go to `db`; whatever changes something goes through `transact`. */
export class Database {
  readonly db: PrismaClient;

  constructor(readonly url: string) {
    this.db = new PrismaClient({
      adapter: new PrismaPg(createPool(url), { disposeExternalPool: true }),
    });
  }

  /**
   * Runs `work` in one transaction and stores its events last: their ids are assigned under a lock held until commit,
   * so that ids become visible in order and "after id n" misses none. A transaction that a deadlock ended is run again.
   */
  transact<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return retry(
      () =>
        this.db.$transaction(
          async (db) => {
            const events: NewEvent[] = [];
            const result = await work({ db, emit: (event) => void events.push(event) });
            if (events.length > 0) await storeEvents(db, events);
            return result;
          },
          { maxWait: 30_000, timeout: 60_000 },
        ),
      { attempts: 3, backoff: waitFor(0), shouldRetry: isDeadlock },
    );
  }

  /** Runs reads that must fit together: all of them see the database as it is at the first. */
  readAtOnce<T>(work: (db: Queries) => Promise<T>): Promise<T> {
    return this.db.$transaction(work, {
      isolationLevel: "RepeatableRead",
      maxWait: 30_000,
      timeout: 60_000,
    });
  }

  /**
   * Runs reads that must go by an index. The planner takes making the words of a text for cheap, and reads all texts
   * where many match; memory for its hash tables, as many rows are looked up in one.
   */
  readByIndex<T>(work: (db: Queries) => Promise<T>): Promise<T> {
    return this.db.$transaction(
      async (db) => {
        await db.$queryRaw`
          SELECT set_config('enable_seqscan', 'off', true), set_config('work_mem', '64MB', true)`;
        return work(db);
      },
      { maxWait: 30_000, timeout: 60_000 },
    );
  }

  /** @throws where the database cannot be reached */
  async check(): Promise<void> {
    await this.db.$queryRaw`SELECT 1`;
  }

  close(): Promise<void> {
    return this.db.$disconnect();
  }
}

async function storeEvents(db: Queries, events: NewEvent[]): Promise<void> {
  // No row comes out of the join, and so no id is drawn, before the lock is held.
  await db.$queryRaw`
    WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(${LOCKS.events}::bigint)), stored AS (
      INSERT INTO events (kind, run_id, payload)
      SELECT e.kind, e."runId", e.payload
      FROM locked, ROWS FROM (jsonb_to_recordset(${toJson(events)}::jsonb) AS (kind text, "runId" uuid, payload jsonb)) WITH ORDINALITY AS e(kind, "runId", payload, n)
      ORDER BY e.n
      RETURNING id
    )
    SELECT pg_notify(${EVENT_CHANNEL}, max(id)::text)::text FROM stored`;
}
