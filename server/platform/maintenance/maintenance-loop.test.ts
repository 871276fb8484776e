import { pino } from "pino";
import { expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { waitUntil } from "@/lib/testing/wait-until";
import type { Database } from "@/server/platform/db/database";
import { MaintenanceLoop } from "./maintenance-loop";

/** A database that gives every lock. */
const database = {
  db: {
    $transaction: (work: (db: unknown) => Promise<unknown>) =>
      work({ $queryRaw: () => Promise.resolve([{ locked: true }]) }),
  },
} as unknown as Database;

async function runJobs(errors: (Error | null)[]): Promise<string[]> {
  const done: string[] = [];
  let round = 0;
  const job = {
    name: "expire",
    intervalMs: 0,
    run: () => {
      const error = errors[round++];
      done.push(error ? "failed" : "expired");
      return error ? Promise.reject(error) : Promise.resolve();
    },
  };
  const recover = (): Promise<void> => Promise.resolve(void done.push("recovered"));
  const loop = new MaintenanceLoop(database, [job], 1, pino({ level: "silent" }), recover);
  loop.start();
  await waitUntil("the rounds are over", () => round >= errors.length);
  await loop.stop();
  return done;
}

it("recovers before it does what a full disk had kept it from, though every round could read", async () => {
  const full = new AppError("storage-full", "The disk of the database is full.");
  const done = await runJobs([null, full, full, null, null]);
  expect(done.slice(0, 7)).toEqual([
    "expired",
    "failed",
    "recovered",
    "failed",
    "recovered",
    "expired",
    "expired",
  ]);
});

it("does not take a defect of a job for that", async () => {
  const done = await runJobs([new TypeError("a defect"), null]);
  expect(done.slice(0, 2)).toEqual(["failed", "expired"]);
});

/** As Prisma throws it. */
const toTransactionError = (message: string): Error =>
  Object.assign(new Error(`Transaction API error: ${message}`), { code: "P2028" });

it("does not take a job that is too slow for a database that is away", async () => {
  const slow = toTransactionError(
    "Transaction already closed: A query cannot be executed on an expired transaction. The timeout for this transaction was 60000 ms, however 60005 ms passed since the start of the transaction.",
  );
  const done = await runJobs([slow, slow, null]);
  expect(done.slice(0, 3)).toEqual(["failed", "failed", "expired"]);
  const none = toTransactionError("Unable to start a transaction in the given time.");
  expect((await runJobs([none, null])).slice(0, 3)).toEqual(["failed", "recovered", "expired"]);
});
