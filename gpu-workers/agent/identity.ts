import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";

const identityFileSchema = z.object({ workerId: z.uuid() });

/** A name becomes part of a file name. */
export const workerNameSchema = z
  .string()
  .regex(
    /^[\w.-]{1,120}$/,
    "a worker's name has letters, digits, dots, dashes and underscores only",
  );

/** Same worker id at every start under the same name and data folder, so that a restarted worker is the same row. */
export async function loadWorkerId(dataDir: string, name: string): Promise<string> {
  const path = join(dataDir, `worker-${name}.json`);
  const text = await readFile(path, "utf8").catch(() => null);
  if (text !== null)
    return parseOrThrow(
      identityFileSchema,
      parseJsonOrNull(text),
      `${path} (delete it to make this a new worker)`,
    ).workerId;
  const workerId = randomUUID();
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify({ workerId })}\n`);
  await rename(`${path}.new`, path);
  return workerId;
}

/**
 * Takes the name for this process: two agents under one identity would lose each other's leases.
 * Gives the function that lets go. @throws AppError `conflict` that names the process that has it.
 */
export async function lockIdentity(dataDir: string, name: string): Promise<() => Promise<void>> {
  const path = join(dataDir, `worker-${name}.lock`);
  await mkdir(dataDir, { recursive: true });
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const pid = Number(await readFile(path, "utf8").catch(() => ""));
      if (isAgentProcess(pid))
        throw new AppError(
          "conflict",
          `The worker "${name}" already runs here as process ${pid}. Stop it, or start this one with another --name.`,
        );
      await rm(path, { force: true }); // left by one that was killed
    }
  }
  throw new AppError(
    "conflict",
    `Another worker "${name}" is just starting with the data folder ${dataDir}.`,
  );
}

/** Process ids are used again, so a living process counts only where it is one of ours. */
function isAgentProcess(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    if (process.platform === "linux")
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("agent/main");
    return execFileSync("ps", ["-o", "command=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).includes("agent/main");
  } catch {
    return false;
  }
}
