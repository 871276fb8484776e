import { z } from "zod";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import type { Queries } from "@/server/platform/db/database";
import { queryRows } from "@/server/platform/db/query";

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

/** Ids of the example's runs that were not deleted. */
export async function selectExampleRuns(db: Queries): Promise<string[]> {
  const rows = await queryRows(db, z.object({ id: z.string() }))`
    SELECT id FROM runs WHERE created_by = ${EXAMPLE_ACTOR} AND deleted_at IS NULL`;
  return rows.map(({ id }) => id);
}
