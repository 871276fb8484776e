import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";

const NAME = /^[\w.-]+$/;

/** Where this worker has corpora: Atlas from the set-up, and one JSONL file for each other in the data folder. */
export interface CorpusFolders {
  atlasDir: string;
  dataDir: string;
}

/** The file of a corpus. @throws AppError `not-found` that says where it is looked for. */
export function corpusPath(name: string, { atlasDir, dataDir }: CorpusFolders): string {
  if (!NAME.test(name)) throw new AppError("invalid-input", `"${name}" is not a corpus name: letters, digits, dots, dashes and underscores only.`);
  const path = name === "atlas" ? join(atlasDir, "corpus.jsonl") : join(dataDir, "corpora", `${name}.jsonl`);
  if (!existsSync(path)) throw new AppError("not-found", `The corpus "${name}" is not on this worker: put it at corpora/${name}.jsonl in its data folder (one document a line) and restart the worker.`);
  return path;
}

/** Names of all corpora on this worker. */
export async function installedCorpora({ atlasDir, dataDir }: CorpusFolders): Promise<string[]> {
  const files = await readdir(join(dataDir, "corpora")).catch(() => []);
  const names = files.filter((file) => file.endsWith(".jsonl")).map((file) => file.slice(0, -".jsonl".length)).filter((name) => NAME.test(name) && name !== "atlas");
  return [...(existsSync(join(atlasDir, "corpus.jsonl")) ? ["atlas"] : []), ...names.sort()];
}
