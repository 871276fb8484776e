import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";

const NAME = /^[\w-][\w.-]*$/;

/**
 * Where this worker has corpora: Atlas from the set-up, a folder for each that was imported, and one JSONL file for each
 * that was put into the data folder by hand.
 */
export interface CorpusFolders {
  atlasDir: string;
  dataDir: string;
}

/** The file of a corpus. @throws AppError `not-found` that says where it is looked for. */
export function getCorpusPath(name: string, { atlasDir, dataDir }: CorpusFolders): string {
  if (!NAME.test(name))
    throw new AppError(
      "invalid-input",
      `"${name}" is not a corpus name: letters, digits, dots, dashes and underscores only.`,
    );
  const imported = join(dataDir, "corpora", name, "documents.jsonl");
  const path =
    name === "atlas"
      ? join(atlasDir, "corpus.jsonl")
      : existsSync(imported)
        ? imported
        : join(dataDir, "corpora", `${name}.jsonl`);
  if (!existsSync(path))
    throw new AppError(
      "not-found",
      `The corpus "${name}" is not on this worker: import it on the Corpora page, or put it at corpora/${name}.jsonl in the worker's data folder (one document a line).`,
    );
  return path;
}

/** Names of all corpora on this worker. */
export async function listInstalledCorpora({
  atlasDir,
  dataDir,
}: CorpusFolders): Promise<string[]> {
  const root = join(dataDir, "corpora");
  const entries = await readdir(root).catch(() => []);
  const names = new Set<string>();
  for (const entry of entries) {
    if (entry.endsWith(".jsonl")) names.add(entry.slice(0, -".jsonl".length));
    else if (existsSync(join(root, entry, "documents.jsonl"))) names.add(entry);
  }
  names.delete("atlas");
  return [
    ...(existsSync(join(atlasDir, "corpus.jsonl")) ? ["atlas"] : []),
    ...[...names].filter((name) => NAME.test(name)).sort(),
  ];
}
