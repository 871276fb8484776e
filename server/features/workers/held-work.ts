import { AppError } from "@/contracts/errors";
import type { Artifacts } from "@/server/features/artifacts/artifacts";
import type { Database, Queries } from "@/server/platform/db/database";
import { selectHeldWork } from "./queries";

/**
 * What a token is worth: its workers read what the runs they lease and the tasks they do need, and store under those
 * alone. Whoever has a token of their own reads no other's checkpoints, questions or answers with it.
 */

/** @throws AppError "stale-attempt" where no worker of the token holds a run or a task */
export async function requireHeldWork(db: Queries, tokenId: string): Promise<void> {
  await readHeldWork(db, tokenId);
}

/**
 * Lets pass what is, or belongs to, something that a held run or task names.
 *
 * @param what for the error
 * @param names ids and names, one of which must be a held run, or stand in a held configuration
 * @throws AppError "stale-attempt" where nothing is held, "unauthorized" where nothing held needs it
 */
export async function requireNeeded(
  db: Queries,
  tokenId: string,
  what: string,
  ...names: string[]
): Promise<void> {
  const held = await readHeldWork(db, tokenId);
  if (!held.some(({ id, config }) => names.some((name) => id === name || contains(config, name))))
    throw new AppError(
      "unauthorized",
      `No run or task that this worker holds needs ${what}, so it is not given out.`,
    );
}

async function readHeldWork(db: Queries, tokenId: string): ReturnType<typeof selectHeldWork> {
  const held = await selectHeldWork(db, tokenId);
  if (held.length === 0)
    throw new AppError(
      "stale-attempt",
      "This worker holds no run and no task, so nothing is read or stored for it.",
    );
  return held;
}

/** Whether a text is a value anywhere in a configuration. */
const contains = (part: unknown, text: string): boolean =>
  part === text ||
  (typeof part === "object" &&
    part !== null &&
    Object.values(part).some((value) => contains(value, text)));

/** Lets pass an artifact that a held run or task names, or that is of a run that it is, or names. @throws as `requireNeeded` does, "not-found" */
export async function requireNeededArtifact(
  { database, artifacts }: { database: Database; artifacts: Artifacts },
  tokenId: string,
  artifactId: string,
): Promise<void> {
  const runId = await artifacts.findRun(artifactId);
  await requireNeeded(database.db, tokenId, `artifact ${artifactId}`, artifactId, runId);
}
