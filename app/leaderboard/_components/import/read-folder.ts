import type { Text } from "@/app/_i18n/format-text";
import type { PathFile } from "./dropped-files";
import { recognise, type RecognisedFolder } from "./upstream-parts";

/** A folder whose files are read: what was recognised, and the texts of the files by their paths. */
export interface ReadFolder extends RecognisedFolder {
  contents: ReadonlyMap<string, string>;
  bytes: number;
}

/** Reads one file after the other; only those that can be upstream's are held in memory. */
export async function readFolder(
  t: Text,
  files: Promise<PathFile[]>,
  onProgress: (progress: { done: number; total: number }) => void,
): Promise<ReadFolder> {
  const found = await files;
  const contents = new Map<string, string>();
  const skipped: string[] = [];
  const problems: RecognisedFolder["problems"] = [];
  let bytes = 0;
  for (const [i, { path, file }] of found.entries()) {
    onProgress({ done: i, total: found.length });
    if (!/\.jsonl?$/i.test(path)) {
      skipped.push(path);
      continue;
    }
    try {
      contents.set(
        path,
        new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()),
      );
      bytes += file.size;
    } catch (error) {
      problems.push({
        path,
        reason:
          error instanceof TypeError
            ? t("It is not UTF-8 text.")
            : t("It could not be read: {message}", {
                message: error instanceof Error ? error.message : String(error),
              }),
      });
    }
  }
  onProgress({ done: found.length, total: found.length });
  const recognised = recognise(
    t,
    [...contents].map(([path, content]) => ({ path, content })),
  );
  return {
    parts: recognised.parts,
    skipped: [...skipped, ...recognised.skipped],
    problems: [...problems, ...recognised.problems],
    contents,
    bytes,
  };
}
