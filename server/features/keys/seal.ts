import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { loadSecretFile } from "@/lib/secret-file";

/** File of the data folder with the 32 bytes of the key that encrypts; keep its backup apart from that of the database. */
export const SECRET_FILE = "endpoint-keys.secret";

const NONCE = 12;
const TAG = 16;

/** Reads the secret, or makes it: a file that only this user can read. */
export async function loadSecret(dataDir: string): Promise<Buffer> {
  const secret = await loadSecretFile(join(dataDir, SECRET_FILE));
  if (secret.length !== 32)
    throw new AppError(
      "internal",
      `${SECRET_FILE} in the data folder is damaged (${secret.length} bytes, not 32). Restore it, or delete it and store the API keys anew.`,
    );
  return secret;
}

/** The secret, read once when it is first asked for; after a failure it is read again. */
export function createSecretReader(dataDir: string): () => Promise<Buffer> {
  let reading: Promise<Buffer> | null = null;
  return () =>
    (reading ??= loadSecret(dataDir).catch((error: unknown) => {
      reading = null;
      throw error;
    }));
}

/** AES-256-GCM: nonce, tag, ciphertext. `name` is authenticated with it, so that a sealed text cannot be moved to another name. */
export function seal(secret: Buffer, name: string, text: string): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", secret, nonce).setAAD(Buffer.from(name));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

/** @throws AppError "internal" where it was sealed with another secret or changed since */
export function unseal(secret: Buffer, name: string, sealed: Uint8Array): string {
  try {
    const bytes = Buffer.from(sealed);
    const decipher = createDecipheriv("aes-256-gcm", secret, bytes.subarray(0, NONCE))
      .setAAD(Buffer.from(name))
      .setAuthTag(bytes.subarray(NONCE, NONCE + TAG));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]).toString(
      "utf8",
    );
  } catch (cause) {
    throw new AppError(
      "internal",
      `The stored key "${name}" cannot be opened: ${SECRET_FILE} in the data folder is not the one it was sealed with. Store the key anew.`,
      { cause },
    );
  }
}
