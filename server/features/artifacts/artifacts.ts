import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import {
  artifactFileSchema,
  artifactManifestSchema,
  type ArtifactManifest,
} from "@/contracts/worker-protocol/artifacts";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { runCheckpointsResponseSchema } from "@/contracts/api/runs";
import type { Database } from "@/server/platform/db/database";
import { lockRun } from "@/server/features/runs/state-machine";
import { requireLease } from "@/server/features/runs/runs";
import type { ArtifactStore } from "@/server/platform/artifacts/store";
import { deleteOldCheckpoints, insertArtifact, isAbandoned, selectUploadState } from "./queries";

const getArtifactFolder = (ref: AttemptRef, artifactId: string): string =>
  `${ref.runId}/${ref.attempt}/${artifactId}`;

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
    const lease = await selectUploadState(this.database.db, ref, workerTokenId, artifactId);
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
    await this.store.put(`${getArtifactFolder(ref, artifactId)}/${file}`, bytes);
  }

  /**
   * Makes an upload visible, if every file is there with its size and sha256 and the attempt still holds its lease;
   * then gives up older checkpoints beyond the run's `checkpointing.keep`. A second commit changes nothing.
   *
   * @throws AppError "conflict" where a file is not as the manifest says, "stale-attempt"
   */
  async commit(workerId: string, ref: AttemptRef, manifest: ArtifactManifest): Promise<void> {
    const folder = getArtifactFolder(ref, manifest.id);
    for (const file of manifest.files) await this.verify(`${folder}/${file.name}`, file);
    const dropped = await this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, ref.runId);
      await requireLease(tx.db, run, ref, workerId);
      if (!(await insertArtifact(tx.db, ref, manifest, this.store.kind))) return [];
      // A checkpoint is progress: attempts lost before it no longer count towards giving up.
      await tx.db.run.update({
        where: { id: ref.runId },
        data: { lostLeases: 0 },
        select: { id: true },
      });
      tx.emit({
        kind: "run",
        runId: ref.runId,
        payload: { state: run.state, attempt: run.attempt },
      });
      return deleteOldCheckpoints(tx.db, ref.runId);
    });
    for (const artifact of dropped)
      await this.store.remove(getArtifactFolder(artifact, artifact.id));
  }

  /** Manifest of a kept artifact, with the configuration of its run. @throws AppError "not-found" */
  async get(artifactId: string): Promise<WorkerResponse<"artifact">> {
    const artifact = await this.findKept(artifactId);
    if (!artifact)
      throw new AppError(
        "not-found",
        `There is no artifact ${artifactId}, or it is no longer kept.`,
      );
    const run = await this.database.db.run.findUniqueOrThrow({
      where: { id: artifact.runId },
      select: { config: true },
    });
    return {
      manifest: artifactManifestSchema.parse(artifact),
      config: runConfigSchema.parse(run.config),
    };
  }

  /** Id of the run that a kept checkpoint is of. @throws AppError "not-found" */
  async findRun(artifactId: string): Promise<string> {
    const artifact = await this.findKept(artifactId);
    if (!artifact)
      throw new AppError(
        "not-found",
        `There is no checkpoint ${artifactId}, or it is no longer kept.`,
      );
    return artifact.runId;
  }

  /** One file of a committed artifact. @throws AppError "not-found" */
  async open(artifactId: string, file: string): Promise<{ bytes: number; stream: Readable }> {
    const artifact = await this.findKept(artifactId);
    const files = artifactFileSchema.array().parse(artifact?.files ?? []);
    if (!artifact || !files.some(({ name }) => name === file))
      throw new AppError("not-found", `There is no file "${file}" of an artifact ${artifactId}.`);
    return this.store.read(`${getArtifactFolder(artifact, artifact.id)}/${file}`);
  }

  /** Kept checkpoints of a run, newest first. */
  async listCheckpoints(runId: string): Promise<z.infer<typeof runCheckpointsResponseSchema>> {
    const rows = await this.database.db.artifact.findMany({
      where: { runId, kind: "checkpoint", deletedAt: null },
      orderBy: [{ step: "desc" }, { createdAt: "desc" }],
    });
    return runCheckpointsResponseSchema.parse(
      rows.map((row) => ({ ...row, bytes: Number(row.bytes) })),
    );
  }

  private findKept(artifactId: string) {
    return this.database.db.artifact.findUnique({ where: { id: artifactId, deletedAt: null } });
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
      const ref = { runId, attempt: Number(attempt) };
      if (!(await isAbandoned(this.database.db, ref, id))) continue;
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
}
