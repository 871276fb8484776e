/** A lock that a process holds on a folder, and that dies with it. */
import {
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** @typedef {{ pid: number, started: string | null } & Partial<Record<string, string>>} Lock */

/** @param {unknown} error */
const getErrorCode = (error) => /** @type {NodeJS.ErrnoException} */ (error).code;

/** Whether a process lives (a zombie does not). */
export function isAlive(/** @type {number} */ pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return getErrorCode(error) === "EPERM";
  }
  return processState(pid)?.state !== "Z";
}

/** Name, state letter, parent and start time of a process, from /proc; null elsewhere or when it is gone. */
export function processState(/** @type {number} */ pid) {
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

/** Process ids are used again: a holder is the same process only if it also started at the same time. */
const isHolder = (/** @type {Lock} */ lock) =>
  isAlive(lock.pid) && (lock.started ?? null) === (processState(lock.pid)?.started ?? null);

/** Processes that hold a lock in the folder; locks of the dead are removed. */
export function holdersIn(/** @type {string} */ folder) {
  let names;
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".lock"));
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const lock = readLock(join(folder, name));
    if (lock !== null && isHolder(lock)) return [lock.pid];
    rmSync(join(folder, name), { force: true });
    return [];
  });
}

/** Removes a dead holder's lock. Of two processes that found it dead, the later may get hold of the earlier's new one: it goes back. */
function setAside(/** @type {string} */ file) {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    const lock = readLock(aside);
    if (lock !== null && isHolder(lock)) linkSync(aside, file);
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
 *   `previous` is what a dead holder left, or null
 */
export function takeLock(file, details = {}) {
  mkdirSync(dirname(file), { recursive: true });
  const own = { pid: process.pid, started: processState(process.pid)?.started ?? null, ...details };
  const draft = `${file}.${process.pid}`;
  /** @type {Lock | null} */
  let previous = null;
  for (;;) {
    writeFileSync(draft, `${JSON.stringify(own)}\n`);
    try {
      linkSync(draft, file); // atomic, and the file is never seen half-written
      break;
    } catch (error) {
      if (getErrorCode(error) !== "EEXIST") throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    const holder = readLock(file);
    if (holder !== null && isHolder(holder)) return { isTaken: true, holder };
    previous = holder;
    setAside(file);
  }
  const isOwn = () => readLock(file)?.pid === process.pid;
  return {
    isTaken: false,
    previous,
    update: (more) => {
      if (!isOwn()) return;
      writeFileSync(draft, `${JSON.stringify({ ...own, ...more })}\n`);
      renameSync(draft, file);
    },
    release: () => {
      if (isOwn()) rmSync(file, { force: true });
    },
  };
}
