import type { UpdateRunsRequest } from "@/contracts/api/run-list";
import { AppError } from "@/contracts/errors";
import type { Database } from "@/server/platform/db/database";
import { purgeRuns, selectOpenRuns, selectPurgeable, updateRuns } from "./organise-queries";

/** Runs that are purged in one transaction. */
const PURGED_AT_ONCE = 20;

/** Names that a message says. */
const SAID_NAMES = 10;

/** "a, b", of many the first and how many more there are. */
const listNames = (names: readonly string[]): string =>
  names.length > SAID_NAMES
    ? `${names.slice(0, SAID_NAMES).join(", ")} and ${names.length - SAID_NAMES} more`
    : names.join(", ");

/** How people keep runs in order: names, notes, tags, what is put away and what is deleted. */
export class RunOrganiser {
  constructor(private readonly database: Database) {}

  /**
   * Changes runs. A deleted run leaves every list and the leaderboard, but nothing of it is removed before `purge`.
   *
   * @returns how many runs there were
   * @throws AppError "conflict" where a run that is to be deleted is not over
   */
  async update(request: UpdateRunsRequest): Promise<{ changed: number }> {
    return this.database.transact(async (tx) => {
      const open = request.deleted ? await selectOpenRuns(tx.db, request.ids) : [];
      if (open.length > 0)
        throw new AppError(
          "conflict",
          `Cancel these runs before you delete them: ${listNames(open.map(({ name }) => name))}.`,
        );
      const runs = await updateRuns(tx.db, request);
      // Without a state: none has changed, and pages tell of those that have.
      for (const { id } of runs) tx.emit({ kind: "run", runId: id, payload: {} });
      return { changed: runs.length };
    });
  }

  /** Removes for good what only long deleted runs use. @returns how many runs that were */
  async purge({ deletedRunMs }: { deletedRunMs: number }): Promise<number> {
    return this.database.transact(async ({ db }) => {
      const runs = await selectPurgeable(db, deletedRunMs, PURGED_AT_ONCE);
      if (runs.length > 0)
        await purgeRuns(
          db,
          runs.map(({ id }) => id),
        );
      return runs.length;
    });
  }
}
