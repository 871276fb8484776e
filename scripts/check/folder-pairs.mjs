/**
 * Refuses two folders that import each other, by type too: neither can be read or moved alone. dependency-cruiser's
 * scope "folder" counts the files of a folder's subfolders as its own, so it does not see a folder and its subfolder.
 *
 * usage: node scripts/check/folder-pairs.mjs FOLDER...
 */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import ts from "typescript";
import { resolveInRoot } from "../../lib/paths.mjs";

const SOURCE = /\.(tsx?|mjs|js)$/;
/** Tests may use what they need to drive the real thing, fixtures are wrong on purpose, and nobody moves generated files. */
const LEFT_OUT = /\.(test|spec)\.tsx?$|(^|\/)(testing|fixtures|generated|node_modules)\//;
/** Procedures stand in their feature, are made by the transport and mounted by it: the one pair that is meant. */
const PROCEDURES = /^server\/features\/[^/]+\/router\.ts$/;
const TRANSPORT = "server/trpc";

/**
 * @typedef {object} Import
 * @property {string} file
 * @property {string} target without its extension where the import has none
 */

/**
 * What the files of a folder and of its subfolders import of this repository.
 * @param {string} folder
 * @returns {Import[]}
 */
function listImports(folder) {
  return readdirSync(resolveInRoot(folder), { recursive: true, encoding: "utf8" })
    .filter((path) => SOURCE.test(path) && !LEFT_OUT.test(path))
    .map((path) => join(folder, path))
    .flatMap((file) =>
      ts
        .preProcessFile(readFileSync(resolveInRoot(file), "utf8"))
        .importedFiles.filter(({ fileName }) => /^(\.|@\/)/.test(fileName))
        .map(({ fileName }) => ({
          file,
          target: fileName.startsWith("@/") ? fileName.slice(2) : join(dirname(file), fileName),
        })),
    );
}

/** @type {Map<string, Map<string, Import>>} one import by the folder that imports and the one that is imported */
const arrows = new Map();
for (const found of process.argv.slice(2).flatMap(listImports)) {
  const from = dirname(found.file);
  const to = dirname(found.target);
  if (from === to || (to === TRANSPORT && PROCEDURES.test(found.file))) continue;
  const targets = arrows.get(from) ?? new Map();
  arrows.set(from, targets.set(to, found));
}

let pairs = 0;
for (const [from, targets] of arrows)
  for (const [to, there] of targets) {
    const back = arrows.get(to)?.get(from);
    if (!back || from > to) continue;
    pairs += 1;
    console.log(`${from} and ${to} import each other:`);
    for (const { file, target } of [there, back]) console.log(`  ${file} imports ${target}`);
  }
process.exitCode = pairs > 0 ? 1 : 0;
