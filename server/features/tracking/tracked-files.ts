import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { AppError } from "@/contracts/errors";
import { HashingStream } from "@/lib/hash";
import { insertArtifact } from "@/server/features/artifacts/queries";
import type { ArtifactStore } from "@/server/platform/artifacts/store";
import type { Database } from "@/server/platform/db/database";
import { deleteTrackedFiles, selectTrackedFiles, type TrackedFile } from "./queries";
import type { TrackedRuns } from "./tracked-runs";

/** Longest path of a file below its run. */
const MOST_PATH = 1_000;

const getFolder = (runId: string, id: string): string => `${runId}/1/${id}`;

/** Name of a file in the store, from the last part of its path. */
const toStoredName = (path: string): string =>
  path
    .slice(path.lastIndexOf("/") + 1)
    .replace(/[^\w.-]/g, "_")
    .slice(-100);

/** Files that trainers store with their runs. The newest of a path counts. */
export class TrackedFiles {
  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
    private readonly runs: TrackedRuns,
  ) {}

  async list(runId: string): Promise<TrackedFile[]> {
    await this.runs.get(runId);
    return selectTrackedFiles(this.database.db, runId);
  }

  /**
   * Stores a file of a run; one that was there at the path is replaced when this one is whole.
   * @throws AppError "invalid-input" for a path that leaves the run's folder, "storage-full"
   */
  async put(runId: string, path: string, bytes: Readable): Promise<void> {
    requirePath(path);
    // Said before and after: a large file may take longer than a run may be silent.
    await this.runs.change(runId, () => Promise.resolve());
    const id = randomUUID();
    const name = toStoredName(path);
    const measured = new HashingStream();
    bytes.on("error", (error) => measured.destroy(error));
    await this.store.put(`${getFolder(runId, id)}/${name}`, bytes.pipe(measured));
    const files = [{ name, bytes: measured.bytes, sha256: measured.digest() }];
    let replaced: { id: string }[] = [];
    // Under the run's lock: of two that store one path at once, one stays.
    await this.runs.change(runId, async (tx) => {
      const manifest = { id, kind: "export" as const, step: 0, files, metadata: { path } };
      await insertArtifact(tx.db, { runId, attempt: 1 }, manifest, this.store.kind);
      tx.emit({ kind: "run", runId, payload: {} });
      replaced = await deleteTrackedFiles(tx.db, runId, path, id);
    });
    await this.removeAll(runId, replaced);
  }

  /** @throws AppError "not-found" */
  async open(runId: string, path: string): Promise<{ bytes: number; stream: Readable }> {
    const file = (await this.list(runId)).find((one) => one.path === path);
    if (!file) throw new AppError("not-found", `The run has no file "${path}".`);
    return this.store.read(`${getFolder(runId, file.id)}/${file.name}`);
  }

  /** Removes a file, or all files of a folder. */
  async remove(runId: string, path: string): Promise<void> {
    requirePath(path);
    await this.runs.get(runId);
    await this.removeAll(runId, await deleteTrackedFiles(this.database.db, runId, path, null));
  }

  private async removeAll(runId: string, files: readonly { id: string }[]): Promise<void> {
    for (const { id } of files) await this.store.remove(getFolder(runId, id));
  }
}

/** @throws AppError "invalid-input" */
function requirePath(path: string): void {
  const parts = path.split("/");
  const isPlain = parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (!isPlain || path.length > MOST_PATH || path.includes("\\"))
    throw new AppError("invalid-input", `"${path}" is no path of a file below its run.`);
}
