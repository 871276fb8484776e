import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import type { Queries } from "@/server/platform/db/database";

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

/** Ids of the example's runs that were not deleted. */
export async function selectExampleRuns(db: Queries): Promise<string[]> {
  const rows = await db.run.findMany({
    where: { createdBy: EXAMPLE_ACTOR, deletedAt: null },
    select: { id: true },
  });
  return rows.map(({ id }) => id);
}
