import { createReadStream, createWriteStream } from "node:fs";
import { readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { listFiles } from "@/gpu-workers/corpora/import/source-files";
import { joinParts, listPaths } from "@/gpu-workers/corpora/import/split-parts";

/**
 * The files of an index in order: those that were given, or the parts within a folder.
 * @throws AppError "not-found" for a file that is not there, "invalid-input" where a part is missing, or a folder holds
 *   the parts of no or of several files
 */
export async function findIndexFiles(given: readonly string[]): Promise<string[]> {
  const [only] = given;
  const isFolder =
    given.length === 1 && (await stat(only!).catch(() => null))?.isDirectory() === true;
  if (!isFolder) return listPaths(await joinGiven(given));
  const files = joinParts(await listFiles(resolve(only!)));
  const wholes = files.filter(({ parts }) => parts !== undefined);
  // A folder of upstream's download holds the corpus beside the parts of the index.
  const candidates = wholes.length > 0 ? wholes : files;
  if (candidates.length !== 1)
    throw new AppError(
      "invalid-input",
      `${only} holds ${candidates.length} files that may be the index: ${candidates.map(({ name }) => name).join(", ")}. Name the file, or its parts in order.`,
    );
  return listPaths(candidates[0]!);
}

/** Files that were named one by one: in the order of their parts where they are parts of one, else as they were given. */
async function joinGiven(given: readonly string[]) {
  const files = await Promise.all(
    given.map(async (each) => {
      const path = resolve(each);
      const { size } = await stat(path).catch((cause: unknown) => {
        throw new AppError("not-found", `there is no file ${path}`, { cause });
      });
      return { path, name: basename(path), bytes: size };
    }),
  );
  const joined = joinParts(files);
  return joined.length === 1 ? joined[0]! : { path: files[0]!.path, parts: files };
}

const stateSchema = z.object({
  /** The parts as they were when the first was appended. */
  parts: z.array(z.object({ path: z.string(), bytes: z.number(), mtimeMs: z.number() })),
  /** How many of them the file holds whole. */
  appended: z.int().nonnegative(),
});

/**
 * Writes parts one after the other into a file. Interrupted and called again it goes on after the last whole part,
 * unless the parts have changed.
 * @param onProgress is told of every part by its name, so that the order can be seen
 */
export async function joinIndexFiles(
  paths: readonly string[],
  target: string,
  onProgress?: (detail: string) => void,
): Promise<void> {
  const stateFile = `${target}.parts.json`;
  const parts = await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return { path, bytes: size, mtimeMs };
    }),
  );
  const before = await readFile(stateFile, "utf8")
    .then((text) => stateSchema.parse(JSON.parse(text)))
    .catch(() => null);
  const isSame = JSON.stringify(before?.parts) === JSON.stringify(parts);
  const appended = before && isSame ? before.appended : 0;
  if (appended === 0) await rm(target, { force: true });
  else {
    const whole = parts.slice(0, appended).reduce((sum, { bytes }) => sum + bytes, 0);
    await truncate(target, whole);
    onProgress?.(`${appended} of ${parts.length} parts are joined already`);
  }
  for (const [i, { path }] of parts.entries()) {
    if (i < appended) continue;
    onProgress?.(`joining part ${i + 1} of ${parts.length}: ${basename(path)}`);
    await pipeline(createReadStream(path), createWriteStream(target, { flags: "a", flush: true }));
    await writeFile(stateFile, JSON.stringify({ parts, appended: i + 1 }), { flush: true });
  }
  await rm(stateFile);
}
