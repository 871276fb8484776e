import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrorCode } from "./errors";

/** Reads the secret of a file, or makes it: 32 random bytes in a file that only this user can read. */
export async function loadSecretFile(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true });
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(randomBytes(32));
    await file.sync();
    await file.close();
  } catch (error) {
    if (!hasErrorCode(error, "EEXIST")) throw error;
  }
  await chmod(path, 0o600);
  return readFile(path);
}
