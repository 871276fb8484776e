import { z } from "zod";
import type { ArtifactManifest } from "@/contracts/worker-protocol/artifacts";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { queryRow, queryRows } from "@/server/platform/db/query";

/** The SQL of artifacts. */

/** Whether an artifact is committed, asked by a worker that holds the attempt's lease; null where it does not. */
export async function selectUploadState(
  db: Queries,
  ref: AttemptRef,
  workerTokenId: string,
  artifactId: string,
): Promise<{ committed: boolean } | null> {
  return queryRow(db, z.object({ committed: z.boolean() }))`
    SELECT EXISTS (SELECT 1 FROM artifacts a WHERE a.id = ${artifactId}::uuid) AS committed FROM leases l JOIN workers w ON w.id = l.worker_id
    WHERE l.run_id = ${ref.runId}::uuid AND l.attempt = ${ref.attempt} AND w.token_id = ${workerTokenId}::uuid`;
}

/** @returns false where the artifact was stored before */
export async function insertArtifact(
  db: Queries,
  ref: AttemptRef,
  manifest: ArtifactManifest,
  store: string,
): Promise<boolean> {
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const inserted = await db.$executeRaw`
    INSERT INTO artifacts (id, project_id, run_id, attempt, kind, step, files, bytes, metadata, store, created_at)
    VALUES (${manifest.id}::uuid, ${DEFAULT_PROJECT}::uuid, ${ref.runId}::uuid, ${ref.attempt}, ${manifest.kind}, ${manifest.step}, ${toJson(manifest.files)}::jsonb,
      ${bytes}::bigint, ${toJson(manifest.metadata)}::jsonb, ${store}, clock_timestamp())
    ON CONFLICT (id) DO NOTHING`;
  return inserted > 0;
}

/**
 * Gives up the checkpoints of a run beyond the newest `checkpointing.keep`, except those that another run is about to
 * start from, or works with. @returns the given up ones
 */
export const deleteOldCheckpoints = (
  db: Queries,
  runId: string,
): Promise<(AttemptRef & { id: string })[]> =>
  queryRows(db, z.object({ id: z.string(), runId: z.string(), attempt: z.int() }))`
    UPDATE artifacts SET deleted_at = clock_timestamp() WHERE id IN (
      SELECT a.id FROM artifacts a JOIN runs r ON r.id = a.run_id
      WHERE a.run_id = ${runId}::uuid AND a.kind = 'checkpoint' AND a.deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.state IN ('queued', 'leased', 'preparing', 'running') AND o.config #>> '{searcher,checkpoint}' = a.id::text)
        AND r.config ? 'checkpointing'
      ORDER BY a.step DESC, a.created_at DESC OFFSET coalesce((SELECT (config #>> '{checkpointing,keep}')::int FROM runs WHERE id = ${runId}::uuid), 1))
    RETURNING id, run_id AS "runId", attempt`;

/** True where an attempt has ended and the artifact is not kept: its files can go. */
export async function isAbandoned(
  db: Queries,
  ref: AttemptRef,
  artifactId: string,
): Promise<boolean> {
  const row = await queryRow(db, z.object({ abandoned: z.boolean() }))`
    SELECT EXISTS (SELECT 1 FROM attempts t WHERE t.run_id = ${ref.runId}::uuid AND t.number = ${ref.attempt} AND t.ended_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.id = ${artifactId}::uuid AND a.deleted_at IS NULL) AS abandoned`;
  return row?.abandoned ?? false;
}
