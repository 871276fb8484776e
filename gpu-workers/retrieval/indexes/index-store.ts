import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@/contracts/errors";
import { hasErrorCode } from "@/lib/errors";
import { createLockFile, isAlive, setAside } from "@/lib/lock.mjs";

/**
 * Indexes on disk, one folder each, named by what they are of. A folder appears only when it is complete: it is
 * written under another name and then renamed. A lock keeps two processes from building the same index twice.
 */

export interface IndexStoreTimes {
  /** How often a builder shows that it lives. */
  beatMs: number;
  /** A lock without a sign of life for so long is taken over. */
  staleMs: number;
  /** How often a waiting process looks again. */
  pollMs: number;
}
const STORE_TIMES: IndexStoreTimes = { beatMs: 2_000, staleMs: 15_000, pollMs: 250 };

export interface EnsureIndexOptions {
  signal?: AbortSignal;
  /** Called once when another process is found building. */
  onWaiting?: () => void;
  times?: IndexStoreTimes;
}

/**
 * Folder of the index `key` under `root`; where it is missing, `build` fills a folder that becomes it. One builder at a
 * time: others wait for its result, and take over if it dies. What a builder leaves that was killed, cancelled or ran
 * out of disk is handed to the next one, which goes on or starts anew; after any other failure it is removed.
 */
export async function ensureIndex(
  root: string,
  key: string,
  build: (directory: string) => Promise<void>,
  options: EnsureIndexOptions = {},
): Promise<string> {
  const directory = join(root, key);
  await mkdir(root, { recursive: true });
  for (let waited = false; ; waited = true) {
    if (options.signal?.aborted) throw new AppError("cancelled", "opening the index was cancelled");
    if (await exists(directory)) return directory;
    const lock = takeLock(join(root, `${key}.lock`), options.times ?? STORE_TIMES);
    if (!lock) {
      if (!waited) options.onWaiting?.();
      await sleep((options.times ?? STORE_TIMES).pollMs);
      continue;
    }
    try {
      if (await exists(directory)) return directory;
      await buildInto(root, key, directory, build);
      return directory;
    } finally {
      await lock.release();
    }
  }
}

/** Takes a damaged index out of the store, so that it is built again. */
export async function discardIndex(root: string, key: string): Promise<void> {
  await rm(join(root, key), { recursive: true, force: true });
}

async function buildInto(
  root: string,
  key: string,
  directory: string,
  build: (directory: string) => Promise<void>,
): Promise<void> {
  const temporary = join(root, `${key}.building`);
  await mkdir(temporary, { recursive: true });
  try {
    await build(temporary);
    await rename(temporary, directory);
  } catch (error) {
    if (hasErrorCode(error, "ENOSPC"))
      throw new AppError(
        "storage-full",
        `the disk is full: the index could not be written to ${root}; make room and start again, it goes on where it was`,
        { cause: error },
      );
    const goesOn =
      error instanceof AppError &&
      ["cancelled", "storage-full", "retriever-unavailable"].includes(error.code);
    if (!goesOn) await rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** Whether the store has an index. */
export async function hasIndex(root: string, key: string): Promise<boolean> {
  return exists(join(root, key));
}

interface Lock {
  release(): Promise<void>;
}

/**
 * A lock file that its owner keeps touching, as machines may share the folder: another's process cannot be looked up. Null
 * where a living owner has it, or had it until now.
 */
function takeLock(path: string, { beatMs, staleMs }: IndexStoreTimes): Lock | null {
  const owner = JSON.stringify({ host: hostname(), pid: process.pid, token: randomUUID() });
  if (!createLockFile(path, owner)) {
    if (isStale(path, staleMs)) setAside(path, (aside) => !isStale(aside, staleMs));
    return null;
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined); // lost: the next owner's business; the rename decides
  }, beatMs);
  beat.unref();
  return {
    release: async () => {
      clearInterval(beat);
      if ((await readFile(path, "utf8").catch(() => "")) === owner) await rm(path, { force: true });
    },
  };
}

function isStale(path: string, staleMs: number): boolean {
  try {
    if (Date.now() - statSync(path).mtimeMs > staleMs) return true;
    const owner = JSON.parse(readFileSync(path, "utf8")) as { host?: unknown; pid?: unknown };
    return owner.host === hostname() && typeof owner.pid === "number" && !isAlive(owner.pid);
  } catch {
    return false; // gone, or just being written by an older version
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
