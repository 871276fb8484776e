import { AppError } from "@/contracts/errors";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { Queries } from "@/server/platform/db/database";
import { insertPins, selectSetId } from "./queries";

/**
 * Versions of question sets. The same content under a name is the same version; changed content is a new one. A run is
 * pinned to the versions that were the newest when it was created.
 */

/** Id of the newest version of a question set. @throws AppError "invalid-input" where there is no such set */
export async function findCurrentSetId(db: Queries, name: string): Promise<string> {
  return requireSet(name, await selectSetId(db, name, null));
}

/** Id of the version that a run is pinned to; of a run without a pin, the newest. @throws as `findCurrentSetId` does */
export async function findRunSetId(db: Queries, runId: string, name: string): Promise<string> {
  return requireSet(name, await selectSetId(db, name, runId));
}

function requireSet(name: string, id: string | null): string {
  if (id === null)
    throw new AppError("invalid-input", `There is no question set "${name}". Import it first.`);
  return id;
}

/** Names of the question sets that a configuration asks. */
function listQuestionSetNames(config: RunConfig): string[] {
  if (config.kind === "train")
    return [...new Set([config.data.trainQuestions, config.data.heldOutQuestions])];
  return config.kind === "predict" || config.kind === "evaluate" ? [config.questions] : [];
}

/**
 * Pins a new run to the newest versions of its sets; a run on another run's stored episodes takes over the version of
 * that run. A name without a set is left to fail where it is read.
 */
export async function pinQuestionSets(
  db: Queries,
  runId: string,
  config: RunConfig,
): Promise<void> {
  const source = config.kind === "predict" ? config.reuse.episodesOf : null;
  await insertPins(db, runId, listQuestionSetNames(config), source);
}
