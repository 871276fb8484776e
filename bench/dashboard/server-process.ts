import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import { z } from "zod";
import { addAccessSecret, readAccessSecret } from "@/lib/access.mjs";
import { findFreePort } from "@/lib/free-port.mjs";
import { LOCAL_WORKER_TOKEN_FILE } from "@/lib/parent-watchdog";
import { waitUntil } from "@/lib/testing/wait-until";
import { SERVER_ARGUMENTS, SERVER_VARIABLES } from "@/lib/server-program.mjs";

const START_MS = 60_000;
const MB = 2 ** 20;

/** The server as `npm start` runs it, pages and all, in a process of its own; no worker is attached. */
export interface ServerProcess {
  url: string;
  /** The address that lets a browser or a client in. */
  address: string;
  /** A token with which a worker attaches. */
  workerToken: string;
  /** Resident memory of the process in MB. */
  readMemory(): Promise<number>;
  /** Memory of the process in MB once its garbage is collected, by Node.js's inspector. */
  collectAndReadMemory(): Promise<KeptMemory>;
  stop(): Promise<void>;
}

/** What a process still uses right after a collection of garbage, in MB. */
export interface KeptMemory {
  /** Objects of JavaScript, and buffers beside them. */
  used: number;
  resident: number;
}

export async function startServerProcess(databaseUrl: string): Promise<ServerProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), "s3-bench-server-"));
  const port = await findFreePort();
  const inspectorPort = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  // It opens at the signal alone: what else is measured is measured without it.
  const inspectAt = `--inspect-port=127.0.0.1:${inspectorPort}`;
  const child = spawn(process.execPath, [inspectAt, ...SERVER_ARGUMENTS], {
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
    collectAndReadMemory() {
      child.kill("SIGUSR1");
      return collectAndReadMemory(inspectorPort);
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

const targetsSchema = z.array(z.object({ webSocketDebuggerUrl: z.string() }));
const memorySchema = z.object({
  result: z.object({
    value: z.object({ heapUsed: z.number(), external: z.number(), rss: z.number() }),
  }),
});

async function collectAndReadMemory(inspectorPort: number): Promise<KeptMemory> {
  const answer = await waitUntil("the inspector answers", () =>
    fetch(`http://127.0.0.1:${inspectorPort}/json/list`).catch(() => null),
  );
  const [target] = targetsSchema.parse(await answer.json());
  const socket = new WebSocket(target!.webSocketDebuggerUrl);
  const call = (id: number, method: string, params: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      socket.once("close", () => reject(new Error("The inspector closed.")));
      socket.on("message", (message: Buffer) => {
        const { id: answered, result } = JSON.parse(message.toString()) as Record<string, unknown>;
        if (answered === id) resolve(result);
      });
      socket.send(JSON.stringify({ id, method, params }));
    });
  await once(socket, "open");
  try {
    await call(1, "HeapProfiler.collectGarbage", {});
    const read = { expression: "process.memoryUsage()", returnByValue: true };
    const { heapUsed, external, rss } = memorySchema.parse(await call(2, "Runtime.evaluate", read))
      .result.value;
    return { used: (heapUsed + external) / MB, resident: rss / MB };
  } finally {
    socket.terminate();
  }
}
