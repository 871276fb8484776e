import { createHash, randomUUID } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { AppError } from "@/contracts/errors";
import { TERMINAL } from "@/core/run/transitions";
import type { ArtifactStore } from "@/server/platform/artifacts/store";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";

export interface Upload {
  id: string;
  fileName: string;
  bytes: number;
  sha256: string;
}

const folderOf = (id: string): string => `uploads/${id}`;
const nameOf = (id: string): string => `${folderOf(id)}/file`;

/**
 * Files that people bring to be imported. They lie in the artifact store; the same content lies there once, until an
 * import has taken it or nobody has asked for it in days.
 */
export class Uploads {
  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
    /** Largest file that is taken. */
    readonly limitBytes: number,
  ) {}

  /**
   * Stores a file while it arrives, in constant memory. A cut upload leaves nothing behind.
   *
   * @returns the upload; `reused` where the same content was there already, which then is meant
   * @throws AppError "invalid-input" for an empty file or one over the limit, "storage-full"
   */
  async take(
    fileName: string,
    body: Readable,
    actor: string,
  ): Promise<Upload & { reused: boolean }> {
    const id = randomUUID();
    const hash = createHash("sha256");
    let bytes = 0;
    const tooLarge = (): AppError => this.tooLarge();
    const { limitBytes } = this;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        bytes += chunk.length;
        if (bytes > limitBytes) return next(tooLarge());
        hash.update(chunk);
        next(null, chunk);
      },
    });
    body.once("error", (error) => counted.destroy(error));
    try {
      await this.store.put(nameOf(id), body.pipe(counted));
      if (bytes === 0) throw new AppError("invalid-input", `${fileName} is empty.`);
      const upload = { id, fileName, bytes, sha256: hash.digest("hex") };
      if (await this.record(upload, actor)) return { ...upload, reused: false };
      const same = await this.find(upload.sha256);
      if (!same) throw new AppError("internal", "The upload is neither new nor known.");
      await this.store.remove(folderOf(id));
      return { ...same, fileName, reused: true };
    } catch (error) {
      await this.store.remove(folderOf(id)).catch(() => undefined);
      throw error;
    }
  }

  /** @throws AppError "invalid-input" where a file of this size would not be taken */
  requireFits(bytes: number): void {
    if (bytes > this.limitBytes) throw this.tooLarge();
  }

  /** An upload of this content; null where there is none. Whoever asks for it is about to use it. */
  async find(sha256: string): Promise<Upload | null> {
    const [row] = await this.database.db.$queryRaw<Upload[]>`
      UPDATE uploads SET used_at = now() WHERE project_id = ${DEFAULT_PROJECT}::uuid AND sha256 = ${sha256} RETURNING id, file_name AS "fileName", bytes::float8 AS bytes, sha256`;
    return row ?? null;
  }

  /** Removes what an import has taken, and what was not asked for in days; never what a run under way may still read. */
  async prune({
    importedUploadMs,
    unusedUploadMs,
  }: Pick<Timings, "importedUploadMs" | "unusedUploadMs">): Promise<void> {
    const removed = await this.database.db.$queryRaw<{ id: string }[]>`
      DELETE FROM uploads u
      WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.kind = 'index' AND NOT (r.state = ANY(${[...TERMINAL]}::text[])) AND r.config #>> '{source,upload}' = u.id::text)
        AND (u.used_at < now() - ${unusedUploadMs} * interval '1 millisecond'
          OR u.used_at < now() - ${importedUploadMs} * interval '1 millisecond' AND EXISTS (SELECT 1 FROM runs r WHERE r.kind = 'index' AND r.state = 'succeeded' AND r.config #>> '{source,upload}' = u.id::text))
      RETURNING id`;
    for (const { id } of removed) await this.store.remove(folderOf(id));
  }

  /** Its bytes from `start` on. @throws AppError "not-found" */
  async open(id: string, start: number): Promise<Upload & { stream: Readable }> {
    const [row] = await this.database.db.$queryRaw<
      Upload[]
    >`UPDATE uploads SET used_at = now() WHERE id = ${id}::uuid RETURNING id, file_name AS "fileName", bytes::float8 AS bytes, sha256`;
    if (!row)
      throw new AppError(
        "not-found",
        `There is no upload ${id}: it was imported, or not used for days, and removed. Upload the file again.`,
      );
    // A store may refuse to read from the end on.
    const stream =
      start >= row.bytes ? Readable.from([]) : (await this.store.read(nameOf(id), start)).stream;
    return { ...row, stream };
  }

  private async record({ id, fileName, bytes, sha256 }: Upload, actor: string): Promise<boolean> {
    const inserted = await this.database.db.$executeRaw`
      INSERT INTO uploads (id, project_id, file_name, bytes, sha256, store, created_by)
      VALUES (${id}::uuid, ${DEFAULT_PROJECT}::uuid, ${fileName}, ${bytes}::bigint, ${sha256}, ${this.store.kind}, ${actor}) ON CONFLICT (project_id, sha256) DO NOTHING`;
    return inserted > 0;
  }

  private tooLarge(): AppError {
    return new AppError(
      "invalid-input",
      `The file is larger than ${(this.limitBytes / 1024 ** 3).toFixed(1)} GiB, the most that an upload may have (S3_UPLOAD_LIMIT_GIB). Put it on the worker and import it as a path instead.`,
    );
  }
}
