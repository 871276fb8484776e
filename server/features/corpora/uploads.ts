import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { AppError } from "@/contracts/errors";
import { HashingStream } from "@/lib/hash";
import type { ArtifactStore } from "@/server/platform/artifacts/store";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";
import { deleteUnusedUploads, touchUpload, type Upload } from "./queries";

const getFolder = (id: string): string => `uploads/${id}`;
const getFilePath = (id: string): string => `${getFolder(id)}/file`;

/**
 * Files that people bring to be imported. They lie in the artifact store; the same content lies there once, until an
 * import has taken it or nobody has asked for it in days.
 */
export class Uploads {
  constructor(
    private readonly database: Database,
    private readonly artifacts: ArtifactStore,
    /** Largest file that is taken. */
    readonly limitBytes: number,
  ) {}

  /**
   * Stores a file while it arrives, in constant memory. A cut upload leaves nothing behind.
   *
   * @returns the upload; `reused` where the same content was there already, which then is meant
   * @throws AppError "invalid-input" for an empty file or one over the limit, "storage-full"
   */
  async store(
    fileName: string,
    body: Readable,
    actor: string,
  ): Promise<Upload & { reused: boolean }> {
    const id = randomUUID();
    const counted = new HashingStream((bytes) => this.requireFits(bytes));
    body.once("error", (error) => counted.destroy(error));
    try {
      await this.artifacts.put(getFilePath(id), body.pipe(counted));
      const { bytes } = counted;
      if (bytes === 0) throw new AppError("invalid-input", `${fileName} is empty.`);
      const upload = { id, fileName, bytes, sha256: counted.digest() };
      if (await this.insertUpload(upload, actor)) return { ...upload, reused: false };
      const same = await this.find(upload.sha256);
      if (!same) throw new AppError("internal", "The upload is neither new nor known.");
      await this.artifacts.remove(getFolder(id));
      return { ...same, fileName, reused: true };
    } catch (error) {
      await this.artifacts.remove(getFolder(id)).catch(() => undefined);
      throw error;
    }
  }

  /** @throws AppError "invalid-input" where a file of this size would not be taken */
  requireFits(bytes: number): void {
    if (bytes > this.limitBytes) throw this.buildTooLargeError();
  }

  /** An upload of this content; null where there is none. Whoever asks for it is about to use it. */
  find(sha256: string): Promise<Upload | null> {
    return touchUpload(this.database.db, { sha256 });
  }

  /** Removes what an import has taken, and what was not asked for in days; never what a run under way may still read. */
  async prune(ages: Pick<Timings, "importedUploadMs" | "unusedUploadMs">): Promise<void> {
    for (const id of await deleteUnusedUploads(this.database.db, ages))
      await this.artifacts.remove(getFolder(id));
  }

  /** Removes what a crash left of files that were arriving. Called before any can arrive. */
  async removeUnfinished(): Promise<void> {
    const ids = new Set(
      (await this.artifacts.list()).flatMap((path) => /^uploads\/([^/]+)\//.exec(path)?.[1] ?? []),
    );
    const known = await this.database.db.upload.findMany({ select: { id: true } });
    for (const { id } of known) ids.delete(id);
    for (const id of ids) await this.artifacts.remove(getFolder(id));
  }

  /** Its bytes from `start` on. @throws AppError "not-found" */
  async open(id: string, start: number): Promise<Upload & { stream: Readable }> {
    const row = await touchUpload(this.database.db, { id });
    if (!row)
      throw new AppError(
        "not-found",
        `There is no upload ${id}: it was imported, or not used for days, and removed. Upload the file again.`,
      );
    // A store may refuse to read from the end on.
    const stream =
      start >= row.bytes
        ? Readable.from([])
        : (await this.artifacts.read(getFilePath(id), start)).stream;
    return { ...row, stream };
  }

  private async insertUpload(
    { id, fileName, bytes, sha256 }: Upload,
    actor: string,
  ): Promise<boolean> {
    const { count } = await this.database.db.upload.createMany({
      data: {
        id,
        projectId: DEFAULT_PROJECT,
        fileName,
        bytes: BigInt(bytes),
        sha256,
        store: this.artifacts.kind,
        createdBy: actor,
      },
      skipDuplicates: true,
    });
    return count > 0;
  }

  private buildTooLargeError(): AppError {
    return new AppError(
      "invalid-input",
      `The file is larger than ${(this.limitBytes / 1024 ** 3).toFixed(1)} GiB, the most that an upload may have (S3_UPLOAD_LIMIT_GIB). Put it on the worker and import it as a path instead.`,
    );
  }
}
