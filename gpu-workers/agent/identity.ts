import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { hashText } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";
import { takeLock } from "@/lib/lock.mjs";

const identityFileSchema = z.object({
  workerId: z.uuid(),
  /** Beginning of the sha256 of the token that the id is used with; absent in files of older versions. */
  token: z.string().optional(),
});

/** A name becomes part of a file name. */
export const workerNameSchema = z
  .string()
  .regex(
    /^[\w.-]{1,120}$/,
    "a worker's name has letters, digits, dots, dashes and underscores only",
  );

/**
 * Same worker id at every start under the same name, data folder and token, so that a restarted worker is the same row.
 * The server binds an id to the token that it came with first, so with another token a worker is another one.
 */
export async function loadWorkerId(dataDir: string, name: string, token: string): Promise<string> {
  const fingerprint = hashText(token).slice(0, 16);
  const path = join(dataDir, `worker-${name}.json`);
  const text = await readFile(path, "utf8").catch(() => null);
  const known =
    text === null
      ? null
      : parseOrThrow(
          identityFileSchema,
          parseJsonOrNull(text),
          `${path} (delete it to make this a new worker)`,
        );
  if (known?.token === fingerprint) return known.workerId;
  const workerId = known && known.token === undefined ? known.workerId : randomUUID();
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify({ workerId, token: fingerprint })}\n`);
  await rename(`${path}.new`, path);
  return workerId;
}

/**
 * Takes the name for this process: two agents under one identity would lose each other's leases.
 * Gives the function that lets go. @throws AppError `conflict` that names the process that has it.
 */
export function lockIdentity(dataDir: string, name: string): () => void {
  const lock = takeLock(join(dataDir, `worker-${name}.lock`));
  if (lock.isTaken)
    throw new AppError(
      "conflict",
      `The worker "${name}" already runs here as process ${lock.holder.pid}. Stop it, or start this one with another --name.`,
    );
  return lock.release;
}
