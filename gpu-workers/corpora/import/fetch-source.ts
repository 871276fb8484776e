import { createReadStream, createWriteStream } from "node:fs";
import { readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { CorpusSource } from "@/contracts/run-config/corpus-source";
import { CORPUS_PRESETS, type CorpusPreset, type HubFiles } from "@/core/presets/corpus-presets";
import { AppError } from "@/contracts/errors";
import { readFileSize } from "@/lib/files";
import { download, downloadBeginning } from "@/gpu-workers/runtime/download";
import { listHubFiles, type HubFile } from "./hub-files";
import { completeReading, listFiles, type InputFile, type ReadingOptions } from "./source-files";
import { resolveImportPath } from "./import-roots";
import { joinParts } from "./split-parts";

/** A source that is imported. */
export type ImportSource = Exclude<CorpusSource, { kind: "installed" }>;

/** A source whose files are on this worker. */
export interface FetchedSource {
  files: InputFile[];
  reading: ReadingOptions;
  licence: string;
  /** For people: address, path, file name or preset. */
  from: string;
  /** An index that was published with the corpus, put together; null where there is none. */
  index: string | null;
}

export interface FetchOptions {
  /** Where downloads go; they stay until the import is through, so that it can be taken up again. */
  folder: string;
  /** Folders that a path must lead into (import-roots.ts). */
  importRoots: readonly string[];
  signal: AbortSignal;
  onProgress: (detail: string, done: number, total: number) => void;
  /** Fetches an upload from the server. */
  fetchUpload: (
    upload: string,
    path: string,
    onProgress: (done: number, total: number | null) => void,
  ) => Promise<void>;
  /** Pauses before a broken download is taken up again; by default those of download.ts. */
  pausesMs?: readonly number[];
  /** Of an address only these first bytes are fetched, and one more where there are more; absent: all. */
  headBytes?: number;
}

const BY_HAND =
  "Bring the file to the worker by other means and import it as a path, or upload it on the page.";
/** A published index, beside the documents of its corpus. */
export const PUBLISHED_INDEX_FILE = "e5_Flat.index";
const DEFAULT_READING: ReadingOptions = {
  format: "auto",
  encoding: "auto",
  delimiter: "auto",
  quoting: "auto",
  chunkTokens: 128,
  chunkOverlap: 16,
  idColumn: "id",
  titleColumn: "title",
  textColumn: "text",
};

/** Brings a source to this worker. @throws AppError with the reason and how to do it by hand */
export async function fetchSource(
  source: ImportSource,
  options: FetchOptions,
): Promise<FetchedSource> {
  const { folder, signal, onProgress, fetchUpload, pausesMs } = options;
  const report =
    (detail: string) =>
    (done: number, total: number | null): void =>
      onProgress(detail, done, total ?? 0);
  switch (source.kind) {
    case "path":
      return {
        files: await listAllowedFiles(source.path, options.importRoots),
        reading: completeReading(source),
        licence: source.licence,
        from: source.path,
        index: null,
      };
    case "upload": {
      const path = join(folder, toPlainName(source.fileName));
      await fetchUpload(source.upload, path, report(`fetching ${source.fileName} from the server`));
      return {
        files: await listFiles(path),
        reading: completeReading(source),
        licence: source.licence,
        from: source.fileName,
        index: null,
      };
    }
    case "url": {
      const path = join(
        folder,
        toPlainName(decodeURIComponent(new URL(source.url).pathname.split("/").at(-1) ?? "")) ||
          "corpus",
      );
      const { headBytes } = options;
      if (headBytes !== undefined)
        await downloadBeginning({ url: source.url, path, byHand: BY_HAND, signal }, headBytes + 1);
      else
        await download({
          url: source.url,
          path,
          sha256: source.sha256,
          byHand: BY_HAND,
          signal,
          onProgress: report(`downloading ${source.url}`),
          pausesMs,
        });
      return {
        files: await listFiles(path),
        reading: completeReading(source),
        licence: source.licence,
        from: source.url,
        index: null,
      };
    }
    case "preset": {
      const preset: CorpusPreset = CORPUS_PRESETS[source.preset];
      const root = join(folder, "corpus");
      await fetchParts(preset, root, options);
      const index =
        source.withIndex && preset.index
          ? await fetchIndex(preset.index, folder, preset.byHand, options)
          : null;
      return {
        files: await listFiles(root),
        reading: DEFAULT_READING,
        licence: preset.licence,
        from: `${preset.title} (${preset.corpus.map(({ dataset }) => dataset).join(", ")})`,
        index,
      };
    }
  }
}

/**
 * The files of a path that leads into one of the roots; of a path that ends with * those of its folder whose names begin
 * so. Parts of one file are one.
 * @throws AppError "unauthorized" where the path, or a link in it, leads elsewhere; "invalid-input" where a part is missing
 */
async function listAllowedFiles(path: string, roots: readonly string[]): Promise<InputFile[]> {
  const beginning = path.endsWith("*") ? basename(path).slice(0, -1) : null;
  const at = beginning === null ? path : dirname(path);
  const found = await listFiles(await resolveImportPath(at, roots));
  const files =
    beginning === null ? found : found.filter(({ name }) => isOfFolder(name, beginning));
  if (beginning !== null && files.length === 0)
    throw new AppError("not-found", `There is no file ${path} on this worker.`);
  const allowed = files.map(async (file) => ({
    ...file,
    path: await resolveImportPath(file.path, roots),
  }));
  return joinParts(await Promise.all(allowed));
}

const isOfFolder = (name: string, beginning: string): boolean =>
  name.startsWith(beginning) && !name.includes("/");

/**
 * Downloads the datasets of a preset. Of several each gets a folder whose name begins with its place, because files are
 * read in the order of their names.
 */
async function fetchParts(
  { corpus, byHand }: CorpusPreset,
  root: string,
  options: FetchOptions,
): Promise<void> {
  if (corpus.length === 1) return void (await fetchHubFiles(corpus[0]!, root, byHand, options));
  // What is missing is better known before so much is downloaded.
  for (const part of corpus) await listHubFiles(part, byHand, options.signal, options.pausesMs);
  for (const [i, part] of corpus.entries()) {
    const name = `${i + 1}-${part.dataset.split("/").at(-1) ?? ""}`;
    await fetchHubFiles(part, join(root, name), byHand, options);
  }
}

/** Downloads the files of a dataset into a folder, each under its own path. @returns what they are */
export async function fetchHubFiles(
  wanted: HubFiles,
  root: string,
  byHand: string,
  { signal, onProgress, pausesMs }: Pick<FetchOptions, "signal" | "onProgress" | "pausesMs">,
): Promise<HubFile[]> {
  const files = await listHubFiles(wanted, byHand, signal, pausesMs);
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let before = 0;
  for (const file of files) {
    const path = join(root, ...file.path.split("/").map(toPlainName));
    // Its hash was checked when it came.
    if ((await readFileSize(path)) !== file.bytes)
      await download({
        url: file.url,
        path,
        sha256: file.sha256,
        byHand,
        signal,
        pausesMs,
        onProgress: (done) => onProgress(`downloading ${file.path}`, before + done, total),
      });
    before += file.bytes;
    onProgress(`downloaded ${file.path}`, before, total);
  }
  return files;
}

/** Downloads the parts of an index one by one and appends each: no part lies on the disk twice for longer than it is copied. */
async function fetchIndex(
  wanted: NonNullable<CorpusPreset["index"]>,
  folder: string,
  byHand: string,
  { signal, onProgress, pausesMs }: FetchOptions,
): Promise<string> {
  const parts = await listHubFiles(wanted, byHand, signal, pausesMs);
  const total = parts.reduce((sum, part) => sum + part.bytes, 0);
  const path = join(folder, PUBLISHED_INDEX_FILE);
  if ((await readFileSize(path)) === total) return path;
  const growing = `${path}.growing`;
  let before = 0;
  for (const part of parts) {
    // What was appended of a part that was interrupted is cut off again.
    const appended = Number(await readFile(`${growing}.bytes`, "utf8").catch(() => "0"));
    if (appended < before + part.bytes) {
      const partPath = join(folder, toPlainName(part.path));
      const start = before;
      await download({
        url: part.url,
        path: partPath,
        sha256: part.sha256,
        byHand,
        signal,
        pausesMs,
        onProgress: (done) =>
          onProgress(`downloading ${part.path} of the index`, start + done, total),
      });
      if ((await readFileSize(growing)) > before) await truncate(growing, before);
      await pipeline(
        createReadStream(partPath),
        createWriteStream(growing, { flags: "a", flush: true }),
        { signal },
      );
      await writeFile(`${growing}.bytes`, String(before + part.bytes), { flush: true });
      await rm(partPath);
    }
    before += part.bytes;
  }
  if ((await readFileSize(growing)) !== total)
    throw new AppError(
      "internal",
      `${PUBLISHED_INDEX_FILE} has ${await readFileSize(growing)} of ${total} bytes`,
    );
  await rename(growing, path);
  return path;
}

/** A name that stays in its folder. */
function toPlainName(name: string): string {
  const plain = name.replace(/[/\\\0]/g, "_");
  return plain === "." || plain === ".." ? "_" : plain.slice(-200);
}
