import { mkdtemp, open, readFile, rm, writeFile, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { appendAt } from "./append-file";

describe("a file that takes only a part of a write", () => {
  let folder: string;
  let path: string;
  /** What all open files have in common. */
  let files: FileHandle;
  /** Lets one write take so many bytes, the next ones none where the disk is full then. */
  const takeParts = (most: number, isFull: boolean): void => {
    const original = Object.getOwnPropertyDescriptor(files, "write")!.value as (
      ...args: unknown[]
    ) => Promise<{ bytesWritten: number }>;
    let calls = 0;
    vi.spyOn(files, "write").mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      if (isFull && calls++ > 0)
        return Promise.reject(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
      const [data, offset, length, position] = args;
      return original.call(this, data, offset, Math.min(most, length as number), position);
    } as never);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "append-"));
    path = join(folder, "file");
    await writeFile(path, "kept, of an earlier write");
    const handle = await open(path, "r");
    files = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await rm(folder, { recursive: true });
  });

  it("gets the rest, too", async () => {
    takeParts(3, false);
    expect(await appendAt(path, 4, Buffer.from(" and added"))).toBe(14);
    expect(await readFile(path, "utf8")).toBe("kept and added");
  });

  it("fails where the disk is full, and is cut before it is tried again", async () => {
    takeParts(3, true);
    await expect(appendAt(path, 4, Buffer.from(" and added"))).rejects.toThrow("no space left");
    vi.restoreAllMocks();
    expect(await readFile(path, "utf8")).toBe("kept an");
    expect(await appendAt(path, 4, Buffer.from("!"))).toBe(5);
    expect(await readFile(path, "utf8")).toBe("kept!");
  });
});
