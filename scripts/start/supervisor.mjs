/** The supervisor: database, server and local worker of one data directory, started and stopped together. */
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { addAccessSecret, readAccessSecret } from "../../lib/access.mjs";
import { takeLock } from "../../lib/lock.mjs";
import { canGiveDac, keepRunning } from "./child.mjs";
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
 * @property {{ command: string, args: string[], env?: Record<string, string>, heartbeatFile?: undefined }} server where its heartbeats are not watched, `heartbeatFile` is there and undefined
 * @property {{ command: string, args: string[], env?: Record<string, string> } | null} worker
 * @property {(text: string) => void} say
 * @property {typeof import("./child.mjs").DEFAULT_POLICY} [policy]
 * @property {AbortSignal} [signal] ends the start early
 */

/**
 * Takes a data folder, and what older versions left in it, away from all but its user. PostgreSQL's own user must get
 * through to the database: where root cannot let it read past, the folder may be entered, not listed.
 */
function makePrivate(/** @type {string} */ dataDir) {
  const isRoot = process.getuid?.() === 0;
  mkdirSync(dataDir, { recursive: true });
  chmodSync(dataDir, isRoot && !canGiveDac() ? 0o711 : 0o700);
  for (const name of readdirSync(dataDir)) {
    const path = join(dataDir, name);
    const entry = lstatSync(path);
    if (entry.uid === process.getuid?.() && !entry.isSymbolicLink())
      chmodSync(path, entry.isDirectory() ? 0o700 : 0o600);
  }
}

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
 *   `url` lets a browser in; `failed` resolves with the reason when the database or the server gives up
 * @throws {StartError}
 */
export async function startAll(settings) {
  const { dataDir, host, port, say } = settings;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const id = randomUUID();
  // What this process and those it starts write is for their user alone.
  process.umask(0o077);
  makePrivate(dataDir);
  const lock = takeLock(join(dataDir, "supervisor.lock"), { id, url });
  if (lock.isTaken) {
    const { pid, url: other } = lock.holder;
    throw new StartError(
      `S3 already runs on the data directory ${dataDir}: process ${pid}, page at ${addAccessSecret(String(other), readAccessSecret(dataDir))}\n` +
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
   * @param {((reason: string) => void) | null} onGiveUp null: it is never given up
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
    const heartbeatFile = (/** @type {string} */ name) => join(logsDir, `${name}.heartbeat`);

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
        // A database of one's own may be others' too; and a store elsewhere has no file of the example.
        S3_EXAMPLE:
          process.env.S3_EXAMPLE ??
          (settings.databaseUrl || process.env.S3_ARTIFACTS ? "no" : "yes"),
        HOST: host,
        PORT: String(port),
      },
    };
    supervise(
      { name: "server", log: serverLog, heartbeatFile: heartbeatFile("server"), ...server },
      fail,
    );
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
      // Without a worker the page still shows everything, so it is never given up.
      supervise(
        {
          name: "worker",
          log: join(logsDir, "worker.log"),
          heartbeatFile: heartbeatFile("worker"),
          graceMs: 20_000,
          ...worker,
        },
        null,
      );
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: addAccessSecret(url, readAccessSecret(dataDir)),
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
