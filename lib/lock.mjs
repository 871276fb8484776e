/**
 * A lock that a process holds on a folder, and that dies with it: `takeLock`, for the processes of one machine. Locks of
 * a folder that machines share are made and removed by the same two steps (`createLockFile`, `setAside`); who holds one is
 * seen by its age instead (gpu-workers/retrieval/indexes/index-store.ts).
 */
import { randomUUID } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";

/**
 * `boot` and `folder` are absent in locks of older versions.
 * @typedef {{ pid: number, started: string | null, boot?: string | null, folder?: string } & Partial<Record<string, string | null>>} Lock
 */

/** @param {unknown} error */
const getErrorCode = (error) => /** @type {NodeJS.ErrnoException} */ (error).code;

/** Whether a process lives (a zombie does not). */
export function isAlive(/** @type {number} */ pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return getErrorCode(error) === "EPERM";
  }
  return readProcessState(pid)?.state !== "Z";
}

/** Name, state letter, parent and start time of a process, from /proc; null elsewhere or when it is gone. */
export function readProcessState(/** @type {number} */ pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, name = "", rest = ""] = /^\d+ \((.*)\) (.*)$/s.exec(stat) ?? [];
    const fields = rest.split(" ");
    return { name, state: fields[0], parent: Number(fields[1]), started: fields[19] ?? null };
  } catch {
    return null;
  }
}

/**
 * The lock's content, or null where there is none that can be read.
 * @returns {Lock | null}
 */
export function readLock(/** @type {string} */ file) {
  try {
    return /** @type {Lock} */ (JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return null;
  }
}

/** When a process was started; null where it is gone. On Linux in ticks since the machine was. */
function getStart(/** @type {number} */ pid) {
  if (process.platform === "linux") return readProcessState(pid)?.started ?? null;
  try {
    return (
      execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
        stdio: ["ignore", "pipe", "ignore"],
      })
        .toString()
        .trim() || null
    );
  } catch {
    return null;
  }
}

/** Which start of the machine this is; null where it does not say. */
function getBoot() {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return null;
  }
}

/** Which folder a file is in, by device and number: a copy of it is another one. */
function identifyFolder(/** @type {string} */ file) {
  const { dev, ino } = statSync(dirname(file), { bigint: true });
  return `${dev}:${ino}`;
}

/** Whether a lock was taken in the folder that its file is in, and not copied there with it. */
const isOfFolder = (/** @type {Lock} */ lock, /** @type {string} */ file) =>
  lock.folder === undefined || lock.folder === identifyFolder(file);

/**
 * Process ids are used again, and a folder may be copied with its lock: a holder is the same process only if it also
 * started at the same time of the same start of the machine, and holds the lock of this very folder.
 */
const isHolder = (/** @type {Lock} */ lock, /** @type {string} */ file) =>
  isOfFolder(lock, file) &&
  (lock.boot === undefined || lock.boot === getBoot()) &&
  isAlive(lock.pid) &&
  (lock.started ?? null) === getStart(lock.pid);

/** The lock's content where a living process holds it; null otherwise. */
export function readHeldLock(/** @type {string} */ file) {
  const lock = readLock(file);
  return lock !== null && isHolder(lock, file) ? lock : null;
}

/** Processes that hold a lock in the folder; locks of the dead are removed. */
export function listHolders(/** @type {string} */ folder) {
  let names;
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".lock"));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const lock = readLock(join(folder, name));
    if (lock !== null && isHolder(lock, join(folder, name))) return [lock.pid];
    rmSync(join(folder, name), { force: true });
    return [];
  });
}

/**
 * Makes a lock file: at once, and never seen half-written. The folder's file system must know hard links.
 * @param {string} file
 * @param {string} text
 * @returns {boolean} false where there is one already
 */
export function createLockFile(file, text) {
  const draft = `${file}.${randomUUID()}`;
  writeFileSync(draft, text);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if (getErrorCode(error) !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Removes a dead holder's lock. Of two processes that found it dead, the later may get hold of the earlier's new one: it
 * goes back.
 * @param {string} file
 * @param {(path: string) => boolean} isHeld whether the lock that now lies at a path is a living holder's
 */
export function setAside(file, isHeld) {
  const aside = `${file}.${randomUUID()}.stale`;
  try {
    renameSync(file, aside);
    if (isHeld(aside)) linkSync(aside, file);
  } catch (error) {
    if (getErrorCode(error) !== "ENOENT" && getErrorCode(error) !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Takes the lock, also from a dead holder.
 * @param {string} file
 * @param {Record<string, unknown>} [details] for whoever finds it taken
 * @returns {{ isTaken: true, holder: Lock } | { isTaken: false, previous: Lock | null, update: (details: Record<string, unknown>) => void, release: () => void }}
 *   `previous` is what a dead holder of this folder left, or null
 */
export function takeLock(file, details = {}) {
  mkdirSync(dirname(file), { recursive: true });
  const own = {
    pid: process.pid,
    started: getStart(process.pid),
    boot: getBoot(),
    folder: identifyFolder(file),
    ...details,
  };
  /** @type {Lock | null} */
  let previous = null;
  while (!createLockFile(file, `${JSON.stringify(own)}\n`)) {
    const holder = readLock(file);
    if (holder !== null && isHolder(holder, file)) return { isTaken: true, holder };
    // What a copied lock names belongs to the folder that it was copied from.
    previous = holder !== null && isOfFolder(holder, file) ? holder : null;
    setAside(file, (path) => {
      const lock = readLock(path);
      return lock !== null && isHolder(lock, file);
    });
  }
  const isOwn = () => readLock(file)?.pid === process.pid;
  return {
    isTaken: false,
    previous,
    update: (more) => {
      if (!isOwn()) return;
      const draft = `${file}.${process.pid}`;
      writeFileSync(draft, `${JSON.stringify({ ...own, ...more })}\n`);
      renameSync(draft, file);
    },
    release: () => {
      if (isOwn()) rmSync(file, { force: true });
    },
  };
}
