import { open, type FileHandle } from "node:fs/promises";
import { hasErrorCode } from "@/lib/errors";

/**
 * Writes data at the end of a file as far as it is known, over whatever a write left behind whose end was not seen.
 *
 * @param bytes the length that is known
 * @returns the new length
 * @throws Error where the file is gone or shorter, or takes not all of it
 */
export async function appendAt(path: string, bytes: number, data: Uint8Array): Promise<number> {
  const handle = await open(path, "r+").catch((cause: unknown) => {
    if (!hasErrorCode(cause, "ENOENT")) throw cause;
    throw new Error(
      `${path} was moved or deleted. Put it back, or remove the mirror and add it again for earlier runs.`,
      { cause },
    );
  });
  try {
    const { size } = await handle.stat();
    if (size < bytes) throw new Error(`${path} has ${size} bytes where ${bytes} were written.`);
    await handle.truncate(bytes);
    await writeAll(handle, data, bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return bytes + data.length;
}

/** One write may take a part only, e.g. what still fits on a disk; the next one then says why. */
async function writeAll(handle: FileHandle, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.length;) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, position + done);
    if (bytesWritten === 0) throw new Error("A file took nothing of what was written to it.");
    done += bytesWritten;
  }
}
