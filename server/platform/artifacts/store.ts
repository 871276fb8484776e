import type { Readable } from "node:stream";

/** Where artifact bytes lie. Names are `<run>/<attempt>/<artifact>/<file>`; what is there says nothing about visibility. */
export interface ArtifactStore {
  readonly kind: "file" | "s3";
  /** Stores a whole file or nothing. @throws AppError "storage-full" where there is no room */
  put(name: string, bytes: Readable): Promise<void>;
  /** A file's size, and its bytes from `start` on. @throws AppError "not-found" */
  read(name: string, start?: number): Promise<{ bytes: number; stream: Readable }>;
  /** Removes everything below a prefix; nothing there is fine. */
  remove(prefix: string): Promise<void>;
  /** Folders `<run>/<attempt>/<artifact>` that hold anything. */
  list(): Promise<string[]>;
}
