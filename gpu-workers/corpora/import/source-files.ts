import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { AppError } from "@/contracts/errors";
import type { CorpusSource } from "@/contracts/run-config/corpus-source";

/** A file to read, and its name within the source. */
export interface InputFile {
  path: string;
  name: string;
  bytes: number;
  /** The files that it is put together of, in order; absent: it is one. */
  parts?: readonly { path: string; name: string }[];
}

type Reading = Extract<CorpusSource, { kind: "path" }>;
export type Format = Reading["format"];
/** How files are read: the settings of a source that are about that. */
export type ReadingOptions = Required<Omit<Reading, "kind" | "path" | "licence" | "sha256">>;

/** The settings of a source, with those that it leaves out. */
export const completeReading = (
  source: Omit<Reading, "kind" | "path" | "licence" | "sha256">,
): ReadingOptions => ({
  ...source,
  encoding: source.encoding ?? "auto",
  delimiter: source.delimiter ?? "auto",
  quoting: source.quoting ?? "auto",
});

const EXTENSIONS: Readonly<Record<string, Exclude<Format, "auto">>> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "jsonl",
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  parquet: "parquet",
  pq: "parquet",
  txt: "text",
  text: "text",
  md: "text",
  markdown: "text",
  mdx: "text",
};

/** Format by a file's name; null where the name does not tell. */
export function detectFormat(name: string): Exclude<Format, "auto"> | null {
  const extension = /\.([^./]+)$/.exec(name.toLowerCase().replace(/\.gz$/, ""))?.[1];
  return (extension === undefined ? undefined : EXTENSIONS[extension]) ?? null;
}

const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The files of a path, in the order of their names: the file itself, or all within a folder. Hidden ones are left out. */
export async function listFiles(path: string): Promise<InputFile[]> {
  const entry = await stat(path).catch((cause: unknown) => {
    throw new AppError(
      "not-found",
      `There is no file or folder ${path} on this worker. The path is one of the worker's machine, not of the page's.`,
      { cause },
    );
  });
  if (entry.isFile()) return [{ path, name: basename(path), bytes: entry.size }];
  if (!entry.isDirectory())
    throw new AppError("invalid-input", `${path} is neither a file nor a folder.`);
  const files: InputFile[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries: Dirent[] = await readdir(folder, { withFileTypes: true });
    for (const child of entries.sort((a, b) => compareNames(a.name, b.name))) {
      if (child.name.startsWith(".")) continue;
      const childPath = join(folder, child.name);
      if (child.isDirectory()) await visit(childPath);
      else if (child.isFile() || child.isSymbolicLink()) {
        const file = await stat(childPath).catch(() => null);
        if (file?.isFile())
          files.push({
            path: childPath,
            name: relative(path, childPath).split(sep).join("/"),
            bytes: file.size,
          });
      }
    }
  };
  await visit(path);
  return files.sort((a, b) => compareNames(a.name, b.name));
}

/**
 * Decides which files are read, and as what: those of the format that is set, or of the one that their names agree on.
 * A single file whose name does not tell is known by its content: "auto".
 * @throws AppError "invalid-input" that says which formats there are
 */
export function chooseFiles(
  files: readonly InputFile[],
  format: Format,
  from: string,
): { files: InputFile[]; format: Format } {
  if (files.length === 1)
    return {
      files: [...files],
      format: format === "auto" ? (detectFormat(files[0]!.name) ?? "auto") : format,
    };
  if (format !== "auto") {
    const kept = files.filter((file) => (detectFormat(file.name) ?? format) === format);
    if (kept.length === 0) throw new AppError("invalid-input", `${from} holds no ${format} file.`);
    return { files: kept, format };
  }
  const found = new Map<Format, InputFile[]>();
  for (const file of files) {
    const known = detectFormat(file.name);
    if (known !== null) found.set(known, (found.get(known) ?? []).concat(file));
  }
  const [first, ...others] = [...found];
  if (!first)
    throw new AppError(
      "invalid-input",
      `${from}: the names of its files do not tell their format. Set the format: ${[...new Set(Object.values(EXTENSIONS))].join(", ")}.`,
    );
  if (others.length > 0)
    throw new AppError(
      "invalid-input",
      `${from} holds files of several formats: ${[...found].map(([name, of]) => `${of.length} ${name}`).join(", ")}. Set the format to the one that is meant; the other files are then left out.`,
    );
  return { files: first[1], format: first[0] };
}
