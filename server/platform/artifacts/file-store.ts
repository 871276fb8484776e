import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AppError } from "@/contracts/errors";
import { hasErrorCode } from "@/lib/errors";
import type { ArtifactStore } from "./store";

async function listNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT") || hasErrorCode(error, "ENOTDIR")) return [];
    throw error;
  }
}

/** Artifacts in a folder of this machine. */
export class FileStore implements ArtifactStore {
  readonly kind = "file";

  constructor(
    private readonly root: string,
    /** Opens a file for writing; a test opens one that is always full. */
    private readonly openForWriting: (path: string) => Writable = (path) => createWriteStream(path),
  ) {}

  async put(name: string, bytes: Readable): Promise<void> {
    const path = join(this.root, name);
    const part = `${path}.part`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await pipeline(bytes, this.openForWriting(part));
      const file = await open(part, "r+");
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      if (hasErrorCode(error, "ENOSPC") || hasErrorCode(error, "EDQUOT")) {
        throw new AppError(
          "storage-full",
          `The server's disk is full: ${name} could not be stored in ${this.root}. Make room; the last committed checkpoint is untouched.`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  async read(name: string, start = 0): Promise<{ bytes: number; stream: Readable }> {
    const path = join(this.root, name);
    try {
      const { size } = await stat(path);
      return { bytes: size, stream: createReadStream(path, { start }) };
    } catch (error) {
      if (hasErrorCode(error, "ENOENT"))
        throw new AppError("not-found", `The artifact store has no file ${name}.`, {
          cause: error,
        });
      throw error;
    }
  }

  async remove(prefix: string): Promise<void> {
    await rm(join(this.root, prefix), { recursive: true, force: true });
  }

  async list(): Promise<string[]> {
    const folders: string[] = [];
    for (const run of await listNames(this.root)) {
      for (const attempt of await listNames(join(this.root, run))) {
        for (const artifact of await listNames(join(this.root, run, attempt)))
          folders.push(`${run}/${attempt}/${artifact}`);
      }
    }
    return folders;
  }
}
