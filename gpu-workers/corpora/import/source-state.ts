import { stat } from "node:fs/promises";
import { AppError } from "@/contracts/errors";
import type { InputFile } from "./source-files";
import { listPaths } from "./split-parts";

/** Names of files, for people. */
export const listNames = (files: readonly { name: string }[]): string =>
  files.map(({ name }) => name).join(", ");

/** Size in bytes and time of change in milliseconds of a file; of a file of parts the sums over them. */
export async function readFileState(file: InputFile): Promise<{ size: number; mtimeMs: number }> {
  const states = await Promise.all(listPaths(file).map((path) => stat(path)));
  return {
    size: states.reduce((sum, { size }) => sum + size, 0),
    mtimeMs: states.reduce((sum, { mtimeMs }) => sum + mtimeMs, 0),
  };
}

/**
 * @param wanted sha256 that the one file of a source must have; null: any
 * @throws AppError "invalid-input" where it has another, or there are several files
 */
export function requireChecksum(
  wanted: string | null,
  files: readonly { name: string; sha256: string }[],
): void {
  if (wanted === null) return;
  const [file] = files;
  if (files.length !== 1 || !file)
    throw new AppError(
      "invalid-input",
      `A checksum is of one file or of its parts, and here are ${files.length} files: ${listNames(files)}.`,
    );
  if (file.sha256 !== wanted)
    throw new AppError(
      "invalid-input",
      `${file.name} has the sha256 ${file.sha256} and not ${wanted}: it is damaged, another file, or its last part is missing.`,
    );
}
