import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addAccessSecret, readAccessSecret } from "@/lib/access.mjs";
import { findFreePort } from "@/lib/free-port.mjs";
import { LOCAL_WORKER_TOKEN_FILE } from "@/lib/parent-watchdog";
import { waitUntil } from "@/lib/testing/wait-until";
import { SERVER_ARGUMENTS, SERVER_VARIABLES } from "@/lib/server-program.mjs";

const START_MS = 60_000;

/** The server as `npm start` runs it, pages and all, in a process of its own; no worker is attached. */
export interface ServerProcess {
  url: string;
  /** The address that lets a browser or a client in. */
  address: string;
  /** A token with which a worker attaches. */
  workerToken: string;
  /** Resident memory of the process in MB. */
  readMemory(): Promise<number>;
  stop(): Promise<void>;
}

export async function startServerProcess(databaseUrl: string): Promise<ServerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), "s3-bench-server-"));
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, SERVER_ARGUMENTS, {
    env: {
      ...process.env,
      ...SERVER_VARIABLES,
      NODE_ENV: "production",
      DATABASE_URL: databaseUrl,
      PORT: String(port),
      S3_DATA_DIR: dataDir,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await waitUntilReady(url, () => child.exitCode !== null);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    address: addAccessSecret(url, readAccessSecret(dataDir)),
    workerToken: (await readFile(join(dataDir, LOCAL_WORKER_TOKEN_FILE), "utf8")).trim(),
    async readMemory() {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN) / 1024;
    },
    stop,
  };
}

const waitUntilReady = (url: string, hasEnded: () => boolean): Promise<true> =>
  waitUntil(
    "the server starts",
    () => {
      if (hasEnded()) throw new Error("The server ended.");
      return fetch(url, { redirect: "manual" }).then(
        () => true,
        () => false,
      );
    },
    START_MS,
  );
