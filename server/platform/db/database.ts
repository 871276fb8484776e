import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import type { z } from "zod";
import type { LiveEventKind } from "@/contracts/api/live";
import { retry, waitFor } from "@/lib/retry";
import { checkRows } from "./check-rows";
import { Prisma, PrismaClient } from "./generated/client";
import { toJson } from "./json";
import { LOCKS } from "./locks";
import { createPool } from "./pool";

/** A client for statements outside or inside of a transaction. */
export type Queries = Prisma.TransactionClient;

type Sql = Prisma.Sql;

/** What hand-written statements need of a client. */
export interface Statements {
  $queryRaw(query: Sql): PromiseLike<unknown[]>;
  $executeRaw(text: TemplateStringsArray, ...values: unknown[]): PromiseLike<number>;
}

/** An event that is to be stored. */
export interface NewEvent {
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
  private readonly pool: pg.Pool;
  private committed = 0;

  constructor(readonly url: string) {
    this.pool = createPool(url);
    this.db = new PrismaClient({
      adapter: new PrismaPg(this.pool, { disposeExternalPool: true }),
    });
  }

  /** How many transactions were committed here; a number that is the same says that nothing was changed through here. */
  get commits(): number {
    return this.committed;
  }

  /**
   * Runs one prepared statement that is a transaction of its own, past Prisma, whose work for each statement is more than
   * PostgreSQL's: for what is asked many times a second. A statement that a deadlock ended is run again.
   *
   * @param statement.name unique to its text; each connection prepares it once
   */
  async runPrepared<Row>(
    statement: { name: string; text: string; values: readonly (string | number | Buffer | null)[] },
    rowSchema: z.ZodType<Row>,
  ): Promise<Row[]> {
    const { rows } = await retry(
      () => this.pool.query({ ...statement, values: [...statement.values] }),
      { attempts: 3, backoff: waitFor(0), shouldRetry: isDeadlock },
    );
    this.committed += 1;
    return checkRows(rows, rowSchema);
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
    ).finally(() => {
      this.committed += 1;
    });
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
   * As `readAtOnce`, past Prisma, which takes binary values through base64 both ways: for long arrays of numbers, whose
   * reading is mostly that.
   */
  readArrays<T>(work: (db: Statements) => Promise<T>): Promise<T> {
    return this.runPlain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work);
  }

  /** As `transact`, past Prisma, of statements that write long arrays of numbers and store no events. */
  transactArrays<T>(work: (db: Statements) => Promise<T>): Promise<T> {
    return retry(() => this.runPlain("BEGIN", work), {
      attempts: 3,
      backoff: waitFor(0),
      shouldRetry: isDeadlock,
    }).finally(() => {
      this.committed += 1;
    });
  }

  private async runPlain<T>(begin: string, work: (db: Statements) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    // The statement under way fails by it. Heard by nobody, it would end the process.
    const ignore = (): void => undefined;
    client.on("error", ignore);
    const { statements, close } = createStatements(client);
    // A connection on which it cannot be ended is not used again.
    let isSpoilt = true;
    try {
      await client.query(begin);
      const result = await work(statements).catch(async (error: unknown) => {
        close();
        await client.query("ROLLBACK");
        isSpoilt = false;
        throw error;
      });
      await client.query("COMMIT");
      isSpoilt = false;
      return result;
    } finally {
      client.off("error", ignore);
      client.release(isSpoilt);
    }
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

/** Statements on one connection, one after the other, also where several are begun at once; none after `close`. */
function createStatements(client: pg.PoolClient): { statements: Statements; close: () => void } {
  let last: Promise<unknown> = Promise.resolve();
  let isOpen = true;
  const run = ({ text, values }: Sql): Promise<pg.QueryResult> => {
    const result = last.then(() => {
      if (!isOpen) throw new Error("The transaction has ended.");
      return client.query(text, values);
    });
    last = result.catch(() => undefined);
    return result;
  };
  const statements: Statements = {
    $queryRaw: async (query) => (await run(query)).rows as unknown[],
    $executeRaw: async (text, ...values) => (await run(Prisma.sql(text, ...values))).rowCount ?? 0,
  };
  return { statements, close: () => void (isOpen = false) };
}

/** What `store_events` needs beside the transaction: the lock, the channel and the events as JSON. */
export const buildEventArguments = (events: readonly NewEvent[]): [number, string, string] => [
  LOCKS.events,
  EVENT_CHANNEL,
  toJson(events),
];

async function storeEvents(db: Queries, events: readonly NewEvent[]): Promise<void> {
  const [lock, channel, json] = buildEventArguments(events);
  await db.$executeRaw`SELECT store_events(${lock}::bigint, ${channel}, ${json}::jsonb)`;
}
