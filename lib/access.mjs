/**
 * The secret of an installation. Whoever has it may do all that its owner may: the page, its API, the command line.
 * `npm start` prints it within the page's address, and the browser changes it for a cookie (server/http/access.ts).
 * Plain JavaScript, because the scripts of the start read it too.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** File of the data folder that only its owner can read. Deleted, it is made anew at the next start. */
const ACCESS_FILE = "access.secret";

/**
 * The secret that the server of a data folder has made; null where there is none.
 *
 * @param {string} dataDir
 * @returns {string | null}
 */
export function readAccessSecret(dataDir) {
  try {
    return readFileSync(join(dataDir, ACCESS_FILE), "utf8").trim() || null;
  } catch {
    return null;
  }
}

/**
 * Reads the secret of a data folder, or makes it: 256 random bits.
 *
 * @param {string} dataDir
 */
export function ensureAccessSecret(dataDir) {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, ACCESS_FILE);
  if (readAccessSecret(dataDir) === null)
    writeFileSync(path, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  chmodSync(path, 0o600);
  const secret = readAccessSecret(dataDir);
  if (secret === null) throw new Error(`${path} cannot be read. Delete it and start again.`);
  return secret;
}

/**
 * The page's address with the secret in it: who opens it is let in.
 *
 * @param {string} url
 * @param {string | null} secret
 */
export const addAccessSecret = (url, secret) =>
  secret === null ? url : `${new URL(url).origin}/?token=${secret}`;
