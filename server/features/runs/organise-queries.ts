import { z } from "zod";
import type { UpdateRunsRequest } from "@/contracts/api/run-list";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { queryRows } from "@/server/platform/db/query";

/** The statements by which people keep runs in order. */

const changedSchema = z.object({ id: z.string(), state: z.string(), attempt: z.int() });

/**
 * Changes runs. Of tags that are both added and removed, those added stay. A run that is not over is not deleted, and
 * one that was purged is not restored: nothing is left of it to list.
 *
 * @returns the runs that were changed
 */
export const updateRuns = (
  db: Queries,
  { ids, name, notes, addTags = [], removeTags = [], archived, deleted }: UpdateRunsRequest,
): Promise<z.infer<typeof changedSchema>[]> =>
  queryRows(db, changedSchema)`
    UPDATE runs SET name = coalesce(${name ?? null}, name), notes = coalesce(${notes ?? null}, notes),
      tags = ARRAY(SELECT DISTINCT t FROM unnest(tags || ${addTags}::text[]) AS t WHERE t <> ALL(${removeTags}::text[]) OR t = ANY(${addTags}::text[]) ORDER BY t),
      archived_at = CASE ${archived ?? null}::boolean WHEN true THEN coalesce(archived_at, now()) WHEN false THEN NULL ELSE archived_at END,
      deleted_at = CASE ${deleted ?? null}::boolean WHEN true THEN coalesce(deleted_at, now()) WHEN false THEN NULL ELSE deleted_at END
    WHERE project_id = ${DEFAULT_PROJECT}::uuid AND id = ANY(${ids}::uuid[])
      AND (${deleted ?? null}::boolean IS DISTINCT FROM true OR state = ANY(${[...TERMINAL_STATES]}::text[]))
      AND (${deleted ?? null}::boolean IS DISTINCT FROM false OR purged_at IS NULL) RETURNING id, state, attempt`;

const nameSchema = z.object({ name: z.string() });

/** Names of those runs that are not over. */
export const selectOpenRuns = (
  db: Queries,
  ids: readonly string[],
): Promise<z.infer<typeof nameSchema>[]> =>
  queryRows(db, nameSchema)`
    SELECT name FROM runs WHERE id = ANY(${ids}::uuid[]) AND NOT (state = ANY(${[...TERMINAL_STATES]}::text[])) ORDER BY created_at FOR UPDATE`;

const idSchema = z.object({ id: z.string() });

/** Runs that were deleted so long ago that it is not undone any more, locked. Those of other trainers also where no end was told. */
export const selectPurgeable = (
  db: Queries,
  ageMs: number,
  limit: number,
): Promise<z.infer<typeof idSchema>[]> =>
  queryRows(db, idSchema)`
    SELECT id FROM runs WHERE deleted_at < now() - ${ageMs} * interval '1 millisecond' AND purged_at IS NULL AND (state = ANY(${[...TERMINAL_STATES]}::text[]) OR kind = 'external') ORDER BY deleted_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`;

/**
 * Removes what only deleted runs use: log lines, metrics, spans, and checkpoints that no other run names, also those that a run
 * purged before was to keep for one of these. Episodes, answers and
 * scores stay, because other runs, the leaderboard and the caches share them.
 */
export async function purgeRuns(db: Queries, ids: readonly string[]): Promise<void> {
  const where = { runId: { in: [...ids] } };
  await db.log.deleteMany({ where });
  await db.metricReport.deleteMany({ where });
  await db.metricChunk.deleteMany({ where });
  await db.metricSeries.deleteMany({ where });
  await db.traceSpan.deleteMany({ where });
  await db.rolloutIssue.deleteMany({ where });
  // Their files go with those of other artifacts that nobody keeps.
  await db.$executeRaw`
    UPDATE artifacts a SET deleted_at = clock_timestamp() WHERE a.deleted_at IS NULL
      AND EXISTS (SELECT 1 FROM runs p WHERE p.id = a.run_id AND (p.id = ANY(${ids}::uuid[]) OR p.purged_at IS NOT NULL))
      AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.purged_at IS NULL AND NOT (o.id = ANY(${ids}::uuid[])) AND o.config::text LIKE '%' || a.id || '%')`;
  await db.$executeRaw`UPDATE runs SET purged_at = now() WHERE id = ANY(${ids}::uuid[])`;
}
