/** The supervisor: database, server and local worker of one data directory, started and stopped together. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { takeLock } from "../lib/lock.mjs";
import { keepRunning } from "./child.mjs";
import { preparePostgres } from "./postgres.mjs";
import { findMarked, endProcesses } from "./processes.mjs";
import { StartError } from "./start-error.mjs";

const POLL_MS = 100;
const READY_TIMEOUT_MS = 60_000;

/**
 * @typedef {object} Settings
 * @property {string} dataDir
 * @property {string} host
 * @property {number} port
 * @property {string | undefined} databaseUrl a PostgreSQL of the user's own
 * @property {number | undefined} postgresPort
 * @property {{ command: string, args: string[], env?: Record<string, string> }} server
 * @property {{ command: string, args: string[], env?: Record<string, string> } | null} worker
 * @property {(text: string) => void} say
 * @property {typeof import("./child.mjs").DEFAULT_POLICY} [policy]
 * @property {AbortSignal} [signal] ends the start early
 */

/** Refuses with the reason where the page's address is taken. */
function checkPort(/** @type {string} */ host, /** @type {number} */ port) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      const probe = createServer();
      probe.once("error", (/** @type {NodeJS.ErrnoException} */ error) => {
        const reason =
          error.code === "EADDRINUSE" ? "another program listens there" : error.message;
        reject(
          new StartError(
            `The page cannot be served at ${host}:${port}: ${reason}. Choose another port: PORT=${port + 1} npm start`,
          ),
        );
      });
      probe.listen(port, host, () => probe.close(() => resolve()));
    })
  );
}

/**
 * Starts everything.
 * @param {Settings} settings
 * @returns {Promise<{ url: string, stop: () => Promise<void>, kill: () => void, failed: Promise<string>, children: () => Record<string, number | null> }>}
 *   `failed` resolves with the reason when the database or the server gives up
 * @throws {StartError}
 */
export async function startAll(settings) {
  const { dataDir, host, port, say } = settings;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const id = randomUUID();
  const lock = takeLock(join(dataDir, "supervisor.lock"), { id, url });
  if (lock.isTaken) {
    const { pid, url: other } = lock.holder;
    throw new StartError(
      `S3 already runs on the data directory ${dataDir}: process ${pid}, page at ${other}.\n` +
        `Open that page, or stop it with \`kill ${pid}\`, or start a second one beside it: S3_DATA_DIR=.data-2 PORT=${port + 1} npm start`,
    );
  }

  /** @type {ReturnType<typeof keepRunning>[]} */
  const running = [];
  /** @type {string | null} */
  let failure = null;
  /** @type {(reason: string) => void} */
  let reportFailure = () => undefined;
  const failed = /** @type {Promise<string>} */ (
    new Promise((resolve) => (reportFailure = resolve))
  );
  const fail = (/** @type {string} */ reason) => {
    failure = reason;
    reportFailure(reason);
  };
  const hasEnded = () => failure !== null || settings.signal?.aborted === true;
  const checkNotEnded = () => {
    if (failure !== null) throw new StartError(failure);
    if (hasEnded()) throw new StartError("The start was interrupted.");
  };
  /**
   * @param {import("./child.mjs").ChildSpec} spec
   * @param {(reason: string) => void} onGiveUp
   */
  const supervise = (spec, onGiveUp) => {
    const child = keepRunning(spec, { id, say, onGiveUp, policy: settings.policy });
    running.push(child);
    return child;
  };
  /** @type {Promise<void> | null} */
  let stopping = null;
  const stop = () => (stopping ??= stopAll());
  const stopAll = async () => {
    for (const child of running.toReversed()) await child.stop();
    await endProcesses(() => findMarked(id), { graceMs: 500 });
    lock.release();
  };

  try {
    const killed = lock.previous?.id; // a supervisor that could not end its processes
    if (killed) await endProcesses(() => findMarked(killed));
    await checkPort(host, port);
    const logsDir = join(dataDir, "logs");
    mkdirSync(logsDir, { recursive: true });

    let databaseUrl = settings.databaseUrl;
    if (!databaseUrl) {
      const postgres = await preparePostgres({ dataDir, logsDir, port: settings.postgresPort });
      supervise(postgres.spec, fail);
      await postgres.waitUntilReady(hasEnded);
      checkNotEnded();
      databaseUrl = postgres.url;
    }

    const shared = { S3_DATA_DIR: dataDir };
    const serverLog = join(logsDir, "server.log");
    const server = {
      ...settings.server,
      env: {
        ...settings.server.env,
        ...shared,
        DATABASE_URL: databaseUrl,
        HOST: host,
        PORT: String(port),
      },
    };
    supervise({ name: "server", log: serverLog, ...server }, fail);
    await waitForPage(url, serverLog, hasEnded, say);
    checkNotEnded();

    if (settings.worker) {
      const token = await waitForToken(join(dataDir, "local-worker.token"), hasEnded);
      checkNotEnded();
      const worker = {
        ...settings.worker,
        env: {
          ...settings.worker.env,
          ...shared,
          S3_SERVER: url,
          S3_WORKER_TOKEN: token ?? undefined,
        },
      };
      // Without a worker the page still shows everything: say it, and go on.
      supervise(
        { name: "worker", log: join(logsDir, "worker.log"), graceMs: 20_000, ...worker },
        (/** @type {string} */ reason) =>
          say(
            `${reason}\nThe page stays up, but no run will be executed here. Mend the cause and start again.`,
          ),
      );
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    stop,
    failed,
    kill: () => running.forEach((child) => child.kill()),
    children: () => Object.fromEntries(running.map((child) => [child.name, child.pid()])),
  };
}

/** Waits until the page's health answer is 200. */
async function waitForPage(
  /** @type {string} */ url,
  /** @type {string} */ log,
  /** @type {() => boolean} */ hasEnded,
  /** @type {(text: string) => void} */ say,
) {
  const end = Date.now() + READY_TIMEOUT_MS;
  let said = false;
  while (!hasEnded()) {
    const isUp = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) }).then(
      (response) => response.status === 200,
      () => false,
    );
    if (isUp) return;
    if (!said && Date.now() > end) {
      say(
        `The server has not answered for ${READY_TIMEOUT_MS / 1000} s, still waiting. Its log is ${log}.`,
      );
      said = true;
    }
    await sleep(POLL_MS);
  }
}

/** The token that the server makes for the worker beside it. */
async function waitForToken(/** @type {string} */ file, /** @type {() => boolean} */ hasEnded) {
  const end = Date.now() + READY_TIMEOUT_MS;
  while (!hasEnded()) {
    const token = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
    if (token !== "") return token;
    if (Date.now() > end)
      throw new StartError(`The server wrote no token for the local worker to ${file}.`);
    await sleep(POLL_MS);
  }
  return null;
}
