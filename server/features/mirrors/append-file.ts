import { open } from "node:fs/promises";
import { hasErrorCode } from "@/lib/errors";

/**
 * Writes data at the end of a file as far as it is known, over whatever a write left behind whose end was not seen.
 *
 * @param bytes the length that is known
 * @returns the new length
 * @throws Error where the file is gone or shorter
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
    await handle.write(data, 0, data.length, bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return bytes + data.length;
}
