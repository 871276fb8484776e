import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import {
  artifactFileSchema,
  artifactManifestSchema,
  type ArtifactManifest,
  type AttemptRef,
  type WorkerResponse,
} from "@/contracts/worker-protocol/worker-protocol";
import type { runCheckpointsResponseSchema } from "@/contracts/api/runs";
import { DEFAULT_PROJECT, type Database, type Transaction } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { lockRun } from "@/server/features/runs/machine";
import { requireLease } from "@/server/features/runs/runs";
import type { ArtifactStore } from "@/server/platform/artifacts/store";

const folderOf = (ref: AttemptRef, artifactId: string): string =>
  `${ref.runId}/${ref.attempt}/${artifactId}`;

interface ArtifactRow {
  id: string;
  runId: string;
  attempt: number;
  kind: ArtifactManifest["kind"];
  step: number;
  files: ArtifactManifest["files"];
  metadata: Record<string, unknown>;
}

/** Checkpoints and exports: uploaded into a folder of their attempt, visible only after a fenced commit. */
export class Artifacts {
  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
  ) {}

  /** Stores one file of an upload. @throws AppError "stale-attempt", "storage-full" */
  async upload(
    workerTokenId: string,
    ref: AttemptRef,
    artifactId: string,
    file: string,
    bytes: Readable,
  ): Promise<void> {
    if (!artifactFileSchema.shape.name.safeParse(file).success || file.endsWith(".part"))
      throw new AppError("invalid-input", `"${file}" is no file name of an artifact.`);
    const rows = await this.database.db.$queryRaw<{ committed: boolean }[]>`
      SELECT EXISTS (SELECT 1 FROM artifacts a WHERE a.id = ${artifactId}::uuid) AS committed FROM leases l JOIN workers w ON w.id = l.worker_id
      WHERE l.run_id = ${ref.runId}::uuid AND l.attempt = ${ref.attempt} AND l.expires_at > clock_timestamp() AND w.token_id = ${workerTokenId}::uuid`;
    const lease = rows[0];
    if (!lease)
      throw new AppError(
        "stale-attempt",
        `Attempt ${ref.attempt} of run ${ref.runId} holds no lease any more. Drop it.`,
      );
    if (lease.committed)
      throw new AppError(
        "conflict",
        `Artifact ${artifactId} is committed; its files cannot change.`,
      );
    await this.store.put(`${folderOf(ref, artifactId)}/${file}`, bytes);
  }

  /**
   * Makes an upload visible, if every file is there with its size and sha256 and the attempt still holds its lease;
   * then gives up older checkpoints beyond the run's `checkpointing.keep`. Saying it twice is harmless.
   */
  async commit(workerId: string, ref: AttemptRef, manifest: ArtifactManifest): Promise<void> {
    const folder = folderOf(ref, manifest.id);
    for (const file of manifest.files) await this.verify(`${folder}/${file.name}`, file);
    const dropped = await this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, ref.runId);
      await requireLease(tx.db, run, ref, workerId);
      const inserted = await tx.db.$executeRaw`
        INSERT INTO artifacts (id, project_id, run_id, attempt, kind, step, files, bytes, metadata, store, created_at)
        VALUES (${manifest.id}::uuid, ${DEFAULT_PROJECT}::uuid, ${ref.runId}::uuid, ${ref.attempt}, ${manifest.kind}, ${manifest.step}, ${toJson(manifest.files)}::jsonb,
          ${manifest.files.reduce((sum, file) => sum + file.bytes, 0)}::bigint, ${toJson(manifest.metadata)}::jsonb, ${this.store.kind}, clock_timestamp())
        ON CONFLICT (id) DO NOTHING`;
      if (inserted === 0) return [];
      // A checkpoint is progress: attempts lost before it no longer count towards giving up.
      await tx.db.$executeRaw`UPDATE runs SET lost_leases = 0 WHERE id = ${ref.runId}::uuid`;
      tx.emit({
        kind: "run",
        runId: ref.runId,
        payload: { state: run.state, attempt: run.attempt },
      });
      return this.applyKeepPolicy(tx, ref.runId);
    });
    for (const artifact of dropped) await this.store.remove(folderOf(artifact, artifact.id));
  }

  async get(artifactId: string): Promise<WorkerResponse<"artifact">> {
    const [row] = await this.database.db.$queryRaw<(ArtifactRow & { config: unknown })[]>`
      SELECT a.id, a.run_id AS "runId", a.attempt, a.kind, a.step, a.files, a.metadata, r.config FROM artifacts a JOIN runs r ON r.id = a.run_id
      WHERE a.id = ${artifactId}::uuid AND a.deleted_at IS NULL`;
    if (!row)
      throw new AppError(
        "not-found",
        `There is no artifact ${artifactId}, or it is no longer kept.`,
      );
    const { id, kind, step, files, metadata } = row;
    return {
      manifest: artifactManifestSchema.parse({ id, kind, step, files, metadata }),
      config: runConfigSchema.parse(row.config),
    };
  }

  /** @throws AppError "not-found" where it is not kept */
  async runOf(artifactId: string): Promise<string> {
    const [row] = await this.database.db.$queryRaw<
      { runId: string }[]
    >`SELECT run_id AS "runId" FROM artifacts WHERE id = ${artifactId}::uuid AND deleted_at IS NULL`;
    if (!row)
      throw new AppError(
        "not-found",
        `There is no checkpoint ${artifactId}, or it is no longer kept.`,
      );
    return row.runId;
  }

  /** One file of a committed artifact. */
  async open(artifactId: string, file: string): Promise<{ bytes: number; stream: Readable }> {
    const [row] = await this.database.db.$queryRaw<ArtifactRow[]>`
      SELECT id, run_id AS "runId", attempt, kind, step, files, metadata FROM artifacts WHERE id = ${artifactId}::uuid AND deleted_at IS NULL`;
    if (!row?.files.some((f) => f.name === file))
      throw new AppError("not-found", `There is no file "${file}" of an artifact ${artifactId}.`);
    return this.store.read(`${folderOf(row, row.id)}/${file}`);
  }

  checkpoints(runId: string): Promise<z.infer<typeof runCheckpointsResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT id, step, attempt, bytes::float8 AS bytes, created_at AS "createdAt", files, metadata FROM artifacts
      WHERE run_id = ${runId}::uuid AND kind = 'checkpoint' AND deleted_at IS NULL ORDER BY step DESC, created_at DESC`;
  }

  /** Removes uploads that were never committed and never will be: their attempt has ended. @returns how many */
  async removeAbandoned(): Promise<number> {
    let removed = 0;
    for (const folder of await this.store.list()) {
      const [runId, attempt, id] = folder.split("/");
      if (
        runId === undefined ||
        id === undefined ||
        !/^[0-9a-f-]{36}$/.test(runId) ||
        !/^[0-9a-f-]{36}$/.test(id)
      )
        continue;
      const rows = await this.database.db.$queryRaw<unknown[]>`
        SELECT 1 FROM attempts t WHERE t.run_id = ${runId}::uuid AND t.number = ${Number(attempt)} AND t.ended_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.id = ${id}::uuid AND a.deleted_at IS NULL)`;
      if (rows.length === 0) continue;
      await this.store.remove(folder);
      removed++;
    }
    return removed;
  }

  private async verify(name: string, file: ArtifactManifest["files"][number]): Promise<void> {
    const { bytes, stream } = await this.store.read(name);
    const hash = createHash("sha256");
    await pipeline(stream, hash);
    if (bytes !== file.bytes || hash.digest("hex") !== file.sha256) {
      throw new AppError(
        "conflict",
        `${file.name} arrived with ${bytes} of ${file.bytes} bytes, or other ones than the manifest says. Upload it again, then commit.`,
      );
    }
  }

  private async applyKeepPolicy(
    tx: Transaction,
    runId: string,
  ): Promise<(AttemptRef & { id: string })[]> {
    // A checkpoint that another run is about to start from, or is working with, stays.
    return tx.db.$queryRaw<(AttemptRef & { id: string })[]>`
      UPDATE artifacts SET deleted_at = clock_timestamp() WHERE id IN (
        SELECT a.id FROM artifacts a JOIN runs r ON r.id = a.run_id
        WHERE a.run_id = ${runId}::uuid AND a.kind = 'checkpoint' AND a.deleted_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.state IN ('queued', 'leased', 'preparing', 'running') AND o.config #>> '{searcher,checkpoint}' = a.id::text)
          AND r.config ? 'checkpointing'
        ORDER BY a.step DESC, a.created_at DESC OFFSET coalesce((SELECT (config #>> '{checkpointing,keep}')::int FROM runs WHERE id = ${runId}::uuid), 1))
      RETURNING id, run_id AS "runId", attempt`;
  }
}
