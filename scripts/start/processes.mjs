/** Finding and ending processes: by id, by group, and by the marks they carry. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive } from "../../lib/lock.mjs";

/** Environment variable that every process started by a supervisor inherits, with "supervisor id/child name". */
export const MARK = "S3_SUPERVISED";

const POLL_MS = 50;

/** Sends a signal to a process, or to a group when the id is negative; false where there is none. */
export function signal(/** @type {number} */ pid, /** @type {NodeJS.Signals} */ name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/**
 * Waits until no process of the list lives; false where the time runs out.
 * @param {number[]} pids
 * @param {number} timeoutMs
 */
export async function waitForEnd(pids, timeoutMs) {
  const end = Date.now() + timeoutMs;
  while (pids.some(isAlive)) {
    if (Date.now() >= end) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/**
 * Ids of the processes that a test on /proc/ID accepts; none where there is no /proc.
 * @param {(pid: number) => boolean} accepts
 */
function findProcesses(accepts) {
  /** @type {number[]} */
  let ids = [];
  try {
    ids = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
  return ids.filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return accepts(pid) && isAlive(pid);
    } catch {
      return false; // ended meanwhile, or another user's
    }
  });
}

/** Processes that carry a mark in their environment, however far down the tree. */
export const findMarked = (/** @type {string} */ mark) =>
  findProcesses((pid) =>
    readFileSync(`/proc/${pid}/environ`, "latin1")
      .split("\0")
      .some((entry) => entry === `${MARK}=${mark}` || entry.startsWith(`${MARK}=${mark}/`)),
  );

/** Processes whose working directory is the folder: PostgreSQL's all stand in their data directory. */
export const findWorkingIn = (/** @type {string} */ folder) =>
  findProcesses((pid) => readlinkSync(`/proc/${pid}/cwd`) === folder);

/**
 * Ends all that `find` finds: politely, then not.
 * @param {() => number[]} find
 * @param {{ politely?: NodeJS.Signals, graceMs?: number }} [options]
 */
export async function endProcesses(find, { politely = "SIGTERM", graceMs = 2_000 } = {}) {
  const found = find();
  if (found.length === 0) return;
  for (const pid of found) signal(pid, politely);
  if (await waitForEnd(found, graceMs)) return;
  for (const pid of find()) signal(pid, "SIGKILL");
  await waitForEnd(found, graceMs);
}
