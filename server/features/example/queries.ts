import { z } from "zod";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import type { Queries } from "@/server/platform/db/database";
import { queryRow } from "@/server/platform/db/query";

/** The statements of the example. */

/**
 * Marks all that a recording brought as the example's. Weights are not in it, so its checkpoints are gone, and so are the
 * corpora of the worker that it was recorded with.
 */
export async function markExample(db: Queries): Promise<void> {
  await db.run.updateMany({ data: { createdBy: EXAMPLE_ACTOR, tags: [EXAMPLE_ACTOR] } });
  await db.sweep.updateMany({ data: { createdBy: EXAMPLE_ACTOR } });
  await db.$executeRaw`UPDATE artifacts SET deleted_at = created_at WHERE kind = 'checkpoint'`;
  await db.worker.updateMany({ data: { state: "offline", name: EXAMPLE_ACTOR } });
  await db.workerCorpus.deleteMany();
}

/** Whether no server has used a database yet. */
export async function selectIsNew(db: Queries): Promise<boolean> {
  const row = await queryRow(db, z.object({ isNew: z.boolean() }))`
    SELECT to_regclass('schema_migrations') IS NULL AS "isNew"`;
  return row!.isNew;
}

/** Ids of the example's runs that were not deleted. */
export async function selectExampleRuns(db: Queries): Promise<string[]> {
  const rows = await db.run.findMany({
    where: { createdBy: EXAMPLE_ACTOR, deletedAt: null },
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}
