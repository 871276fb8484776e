import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import type { Queries } from "@/server/platform/db/database";

/** The SQL of the example. */

/**
 * Marks all that a recording brought as the example's. Weights are not in it, so its checkpoints are gone, and so are the
 * corpora of the worker that it was recorded with.
 */
export const MARK_EXAMPLE = `
  UPDATE runs SET created_by = '${EXAMPLE_ACTOR}', tags = ARRAY['${EXAMPLE_ACTOR}'];
  UPDATE sweeps SET created_by = '${EXAMPLE_ACTOR}';
  UPDATE artifacts SET deleted_at = created_at WHERE kind = 'checkpoint';
  UPDATE workers SET state = 'offline', name = '${EXAMPLE_ACTOR}';
  DELETE FROM worker_corpora;`;

/** Whether no server has used a database yet. */
export const SELECT_IS_NEW = "SELECT to_regclass('schema_migrations') IS NULL AS \"isNew\"";

/** Ids of the example's runs that were not deleted. */
export async function selectExampleRuns(db: Queries): Promise<string[]> {
  const rows = await db.run.findMany({
    where: { createdBy: EXAMPLE_ACTOR, deletedAt: null },
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}
