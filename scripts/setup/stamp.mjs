/** Stamps: a step is done when what it was made from is what is there now. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** sha256 of texts in order. */
export const hashTexts = (/** @type {string[]} */ ...texts) =>
  texts
    .reduce((hash, text) => hash.update(`${text.length}:${text}`), createHash("sha256"))
    .digest("hex");

/**
 * sha256 over the names and contents of all files under the paths.
 * @param {string} root
 * @param {string[]} paths below root; one that is absent counts as nothing
 * @param {(name: string) => boolean} skip files and folders to leave out, by name
 */
export function hashTree(root, paths, skip = (_name) => false) {
  const hash = createHash("sha256");
  const visit = (/** @type {string} */ path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    const entries = listFolder(full);
    if (entries === null) {
      hash.update(`${path}\0`).update(readFileSync(full)).update("\0");
      return;
    }
    for (const name of entries.sort()) if (!skip(name)) visit(join(path, name));
  };
  for (const path of paths) visit(path);
  return hash.digest("hex");
}

/** Names in a folder; null where the path is no folder. */
function listFolder(/** @type {string} */ full) {
  try {
    return readdirSync(full);
  } catch {
    return null;
  }
}

export const readStamp = (/** @type {string} */ file) =>
  existsSync(file) ? readFileSync(file, "utf8").trim() : null;

export function writeStamp(/** @type {string} */ file, /** @type {string} */ value) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${value}\n`);
}
