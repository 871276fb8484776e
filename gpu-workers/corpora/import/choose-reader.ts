import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { AppError } from "@/contracts/errors";
import { readCsv, readTsv } from "./read-table";
import type { Format, InputFile, Reader, ReadingOptions } from "./reader";
import { readJsonl } from "./read-jsonl";
import { readParquet } from "./read-parquet";
import { readText } from "./read-text";

const READERS: Readonly<Record<Format, Reader>> = {
  jsonl: readJsonl,
  csv: readCsv,
  tsv: readTsv,
  parquet: readParquet,
  text: readText,
};

const EXTENSIONS: Readonly<Record<string, Format>> = {
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
export function detectFormat(name: string): Format | null {
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
 * Decides how files are read: all by the configured format, or by their names, which must then agree.
 * @returns the files of that format and the reader
 * @throws AppError "invalid-input" that says which formats there are, or how to say which it is
 */
export function chooseReader(
  files: readonly InputFile[],
  format: ReadingOptions["format"],
  from: string,
): { files: InputFile[]; format: Format; reader: Reader } {
  if (format !== "auto") {
    // In a folder a format that names tell picks its files; a file that is named is meant.
    const kept =
      files.length === 1
        ? [...files]
        : files.filter((file) => (detectFormat(file.name) ?? format) === format);
    if (kept.length === 0) throw new AppError("invalid-input", `${from} holds no ${format} file.`);
    return { files: kept, format, reader: READERS[format] };
  }
  const found = new Map<Format, InputFile[]>();
  for (const file of files) {
    const known = detectFormat(file.name);
    const same = known && found.get(known);
    if (same) same.push(file);
    else if (known) found.set(known, [file]);
  }
  const [first, ...others] = [...found];
  if (!first)
    throw new AppError(
      "invalid-input",
      `${from}: its name does not tell its format${files.length > 1 ? " (nor those of the files in it)" : ""}. Set the format: ${Object.keys(READERS).join(", ")}.`,
    );
  if (others.length > 0)
    throw new AppError(
      "invalid-input",
      `${from} holds files of several formats: ${[...found].map(([name, of]) => `${of.length} ${name}`).join(", ")}. Set the format to the one that is meant; the other files are then left out.`,
    );
  return { files: first[1], format: first[0], reader: READERS[first[0]] };
}
