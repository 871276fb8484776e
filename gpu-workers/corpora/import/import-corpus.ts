import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  corpusManifestSchema,
  BAD_LINES_KEPT,
  type CorpusManifest,
} from "@/contracts/worker-protocol/corpus-report";
import { AppError } from "@/contracts/errors";
import {
  createRoundedIdsState,
  listRoundedIds,
  looksRounded,
  noteRoundedId,
} from "@/core/reading/rounded-ids";
import { hasErrorCode } from "@/lib/errors";
import { hashFile } from "@/lib/hash";
import type { IsolatedLimits } from "@/lib/isolated-process";
import { saveRows } from "@/gpu-workers/corpora/file/row-file";
import {
  fetchSource,
  type FetchedSource,
  type FetchOptions,
  type ImportSource,
} from "./fetch-source";
import { chooseFiles, type Format, type InputFile } from "./source-files";
import { listNames, readFileState, requireChecksum } from "./source-state";
import { listPaths } from "./split-parts";
import { readSource } from "./read-source";
import type { Place } from "./read-source-program";
import { readJournal, writeJournal, type Journal } from "./import-journal";
import { readFreeBytes, requireDisk } from "./disk-space";
import { CorpusWriter } from "./corpus-writer";

export interface ImportOptions {
  /** The worker's data folder: the corpus becomes corpora/NAME in it. */
  dataDir: string;
  name: string;
  source: ImportSource;
  importRoots: FetchOptions["importRoots"];
  /** What was begun for this run is gone on with. */
  runId: string;
  signal: AbortSignal;
  onProgress: (detail: string, done: number, total: number) => void;
  log: (message: string) => void;
  fetchUpload: FetchOptions["fetchUpload"];
  pausesMs?: readonly number[];
  /** How often the journal is written. */
  journalMs?: number;
  /** How often progress is told. */
  progressMs?: number;
  /** Limits of the process that reads, where they are not the usual ones. */
  limits?: Partial<IsolatedLimits>;
  readFreeBytes?: typeof readFreeBytes;
}

const DOCUMENTS = "documents.jsonl";
const MANIFEST = "manifest.json";
/** Imports under way, a folder each; it begins with a dot, so that no corpus has its name. */
const STAGING = ".importing";
/** What an import left behind that nobody took up again. */
const ABANDONED_MS = 30 * 24 * 3_600_000;

/** Imports of this process by folder: an attempt waits for the one before it to let go. */
const runningImports = new Map<string, Promise<unknown>>();

/**
 * Imports a corpus: brings its source here, normalises it to `documents.jsonl`, and makes the folder corpora/NAME appear
 * at once, with rows and manifest. Bad lines are counted and left out. Interrupted at any moment and started again for
 * the same run, it goes on where it was and ends with the same bytes.
 *
 * @throws AppError "conflict" where the name is taken, "invalid-input" where nothing can be read, "cancelled", and those
 *   of the source
 */
export async function importCorpus(options: ImportOptions): Promise<CorpusManifest> {
  const root = join(options.dataDir, "corpora");
  const done = await findFinishedImport(root, options);
  if (done) return done;
  requireFreeName(root, options.name);
  const folder = join(root, STAGING, options.runId);
  await runningImports.get(folder)?.catch(() => undefined);
  const work = importInto(root, folder, options);
  runningImports.set(folder, work);
  try {
    return await work;
  } catch (error) {
    options.signal.throwIfAborted();
    if (hasErrorCode(error, "ENOSPC") || hasErrorCode(error, "EDQUOT"))
      throw new AppError(
        "storage-full",
        "The worker's disk is full. Make room and resume the run; the import goes on where it stopped.",
        { cause: error },
      );
    throw error;
  } finally {
    if (runningImports.get(folder) === work) runningImports.delete(folder);
  }
}

async function importInto(
  root: string,
  folder: string,
  options: ImportOptions,
): Promise<CorpusManifest> {
  const { name, source, runId, signal, onProgress } = options;
  await mkdir(folder, { recursive: true });
  await removeAbandoned(join(root, STAGING), runId);
  const fetched = await fetchSource(source, {
    folder: join(folder, "files"),
    importRoots: options.importRoots,
    signal,
    onProgress,
    fetchUpload: options.fetchUpload,
    pausesMs: options.pausesMs,
  });
  const chosen = chooseFiles(fetched.files, fetched.reading.format, fetched.from);
  const journal = await openJournal(folder, source, chosen.files, options);
  // Documents take about as much as the files they come from; of packed ones only reading tells how much.
  await checkDisk(folder, sumBytes(chosen.files) - journal.documentsBytes, options);
  const writer = await CorpusWriter.open(
    join(folder, DOCUMENTS),
    journal.documentsBytes,
    signal,
    (bytes) => onProgress("taking up what was imported before", bytes, journal.documentsBytes),
  );
  let open = true;
  try {
    const found = await readAllFiles(folder, chosen, fetched, writer, journal, options);
    if (writer.documents === 0) throw createNoPassageError(fetched.from, journal);
    const finished = await writer.finish();
    open = false;
    const state = await stat(join(folder, DOCUMENTS));
    await saveRows(
      join(folder, DOCUMENTS),
      { bytes: state.size, mtimeMs: state.mtimeMs },
      finished.rows,
    );
    const { table, starts, hash } = finished.rows;
    const manifest: CorpusManifest = corpusManifestSchema.parse({
      version: 1,
      name,
      hash,
      documents: table.size,
      bytes: state.size,
      memoryPerPassage: (starts.byteLength + table.byteLength) / table.size,
      importedAt: Date.now(),
      runId,
      source: describeSource(source, fetched.from, chosen.format, journal.files),
      reading: found,
      licence: fetched.licence,
      contentsForms: finished.contentsForms,
      lengths: finished.lengths,
      duplicates: { passages: journal.repeated, texts: finished.repeatedTexts },
      badLines: journal.badLines,
      warnings: describeRoundedIds(journal.roundedIds),
    });
    await commitCorpus(root, folder, fetched, manifest);
    return manifest;
  } finally {
    if (open) await writer.close().catch(() => undefined);
  }
}

/** The journal to go on from: the one that was left, if it is of this source and these files as they are now. */
async function openJournal(
  folder: string,
  source: ImportSource,
  inputs: readonly InputFile[],
  { signal, onProgress, log }: ImportOptions,
): Promise<Journal> {
  const identity = JSON.stringify(source);
  const before = await readJournal(folder);
  const states = await Promise.all(inputs.map(readFileState));
  const unchanged =
    before?.source === identity &&
    before.files.length === inputs.length &&
    inputs.every(
      ({ name }, i) =>
        before.files[i]?.name === name &&
        before.files[i].bytes === states[i]?.size &&
        before.files[i].mtimeMs === states[i].mtimeMs,
    );
  if (before && unchanged) return before;
  if (before) log("The source has changed since the import was interrupted, so it begins anew.");
  const total = sumBytes(inputs);
  let done = 0;
  const files: Journal["files"] = [];
  for (const [i, input] of inputs.entries()) {
    const { name, bytes, parts } = input;
    if (parts) log(`${name} is put together of its parts in this order: ${listNames(parts)}.`);
    const sha256 = await hashFile(listPaths(input), signal, (read) =>
      onProgress("taking checksums", (done += read), total),
    );
    files.push({ name, bytes, mtimeMs: states[i]?.mtimeMs ?? 0, sha256 });
  }
  if (source.kind === "path") requireChecksum(source.sha256 ?? null, files);
  const journal: Journal = {
    version: 3,
    source: identity,
    files,
    place: { file: 0, item: 0 },
    documentsBytes: 0,
    repeated: 0,
    badLines: { total: 0, first: [] },
    roundedIds: createRoundedIdsState(),
    found: null,
  };
  await writeJournal(folder, journal);
  return journal;
}

/** Reads all files from the journal's place on and keeps the journal. @returns what the first of them turned out to be */
async function readAllFiles(
  folder: string,
  { files, format }: { files: readonly InputFile[]; format: Format },
  { reading }: FetchedSource,
  writer: CorpusWriter,
  journal: Journal,
  options: ImportOptions,
): Promise<CorpusManifest["reading"]> {
  const { signal, onProgress, journalMs = 2_000, progressMs = 500 } = options;
  const total = sumBytes(files);
  let { file } = journal.place;
  let behind = sumBytes(files.slice(0, file));
  let saved = Date.now();
  let told = 0;
  const save = async (place: Place): Promise<void> => {
    await checkDisk(folder, 0, options);
    // The documents first: the journal must never name what is not on the disk.
    await writer.flush(true);
    Object.assign(journal, { place, documentsBytes: writer.bytes });
    await writeJournal(folder, journal);
    saved = Date.now();
  };
  const tell = (offset: number): void => {
    told = Date.now();
    const bad =
      journal.badLines.total > 0 ? `, ${formatCount(journal.badLines.total)} bad lines` : "";
    onProgress(`${formatCount(writer.documents)} passages${bad}`, behind + offset, total);
  };
  const request = { files, format, reading, from: journal.place };
  for await (const { place, offset, items, found } of readSource(request, signal, options.limits)) {
    journal.found ??= found ?? null;
    if (place.file !== file) behind += sumBytes(files.slice(file, place.file));
    ({ file } = place);
    const { name } = files[file]!;
    for (const { line, record, problem } of items) {
      if (record) await take(record, name, line);
      else if (problem !== null) note(name, line, problem);
    }
    signal.throwIfAborted();
    const now = Date.now();
    if (now - told >= progressMs) tell(offset);
    if (now - saved >= journalMs) await save(place);
  }
  behind = total;
  tell(0);
  await save({ file: files.length, item: 0 });
  return journal.found;

  async function take(
    record: Parameters<CorpusWriter["add"]>[0],
    name: string,
    line: number,
  ): Promise<void> {
    if (record.text.trim() === "" && record.title.trim() === "")
      return note(name, line, "has neither title nor text");
    const taken = await writer.add(record);
    noteRoundedId(journal.roundedIds, record.id, { file: name, line });
    // Of ids that were rounded it cannot be told whether the passages are one.
    const isDoubtful = looksRounded(record.id) && listRoundedIds(journal.roundedIds).count > 0;
    if (taken === "repeated" && isDoubtful)
      note(
        name,
        line,
        `repeats the id and text of an earlier passage: ${describeRounded(record.id)}`,
      );
    else if (taken === "repeated") journal.repeated += 1;
    else if (taken === "id-taken")
      note(
        name,
        line,
        `repeats the id ${JSON.stringify(record.id.slice(0, 80))} of an earlier passage with another text`,
      );
  }
  function note(name: string, line: number, problem: string): void {
    journal.badLines.total += 1;
    if (journal.badLines.first.length < BAD_LINES_KEPT)
      journal.badLines.first.push({ file: name, line, reason: problem.slice(0, 500) });
  }
}

const describeRounded = (id: string): string =>
  `the id ${JSON.stringify(id)} looks like a number that a spreadsheet rounded`;

/** Lines whose ids look rounded. */
export function describeRoundedIds(state: Journal["roundedIds"]): CorpusManifest["warnings"] {
  const { count, first } = listRoundedIds(state);
  return {
    total: count,
    first: first.map(({ place, id }) => ({
      ...place,
      reason: `is used, but ${describeRounded(id)}: take the ids as text from where the table was made`,
    })),
  };
}

/** @throws AppError "storage-full" */
async function checkDisk(folder: string, bytes: number, options: ImportOptions): Promise<void> {
  requireDisk(await (options.readFreeBytes ?? readFreeBytes)(folder), bytes);
}

/** Makes the corpus appear under its name, all at once. */
async function commitCorpus(
  root: string,
  folder: string,
  { index }: FetchedSource,
  manifest: CorpusManifest,
): Promise<void> {
  if (index !== null) await rename(index, join(folder, index.split(/[/\\]/).at(-1) ?? "index"));
  await writeFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
    flush: true,
  });
  await rm(join(folder, "files"), { recursive: true, force: true });
  await rm(join(folder, "journal.json"), { force: true });
  requireFreeName(root, manifest.name);
  await rename(folder, join(root, manifest.name)).catch((cause: unknown) => {
    if (hasErrorCode(cause, "ENOTEMPTY") || hasErrorCode(cause, "EEXIST"))
      throw nameTakenError(manifest.name);
    throw cause;
  });
}

/** The manifest of a corpus that this run has imported already: an attempt before this one had come so far. */
async function findFinishedImport(
  root: string,
  { name, runId }: ImportOptions,
): Promise<CorpusManifest | null> {
  const manifest = await readCorpusManifest(join(root, name));
  return manifest?.runId === runId ? manifest : null;
}

/** The manifest of an imported corpus; null where there is none that is understood. */
export async function readCorpusManifest(folder: string): Promise<CorpusManifest | null> {
  try {
    return corpusManifestSchema.parse(JSON.parse(await readFile(join(folder, MANIFEST), "utf8")));
  } catch {
    return null;
  }
}

function requireFreeName(root: string, name: string): void {
  if (name === "atlas" || existsSync(join(root, name)) || existsSync(join(root, `${name}.jsonl`)))
    throw nameTakenError(name);
  if (/^\.+/.test(name))
    throw new AppError(
      "invalid-input",
      `"${name}" begins with a dot; choose a name that begins with a letter or digit.`,
    );
}

const nameTakenError = (name: string): AppError =>
  new AppError(
    "conflict",
    `This worker has a corpus "${name}" already. Choose another name, or delete corpora/${name} in its data folder first.`,
  );

function createNoPassageError(from: string, { badLines }: Journal): AppError {
  const examples = badLines.first
    .slice(0, 5)
    .map(({ file, line, reason }) => `${file}, line ${line} ${reason}`);
  return new AppError(
    "invalid-input",
    badLines.total === 0
      ? `${from} holds no passage at all.`
      : [
          `${from} holds no good passage; ${formatCount(badLines.total)} lines cannot be used:`,
          ...examples,
        ].join("\n"),
  );
}

function describeSource(
  source: ImportSource,
  from: string,
  format: Format,
  files: Journal["files"],
): CorpusManifest["source"] {
  const first = files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 }));
  const [only] = first;
  const sha256 =
    only && first.length === 1
      ? only.sha256
      : createHash("sha256")
          .update(first.map((file) => `${file.sha256}  ${file.name}\n`).join(""))
          .digest("hex");
  return {
    kind: source.kind,
    from,
    format,
    files: files.length,
    bytes: sumBytes(files),
    sha256,
    first: first.slice(0, 20),
  };
}

async function removeAbandoned(staging: string, mine: string): Promise<void> {
  for (const name of await readdir(staging)) {
    if (name === mine || runningImports.has(join(staging, name))) continue;
    const path = join(staging, name);
    const touched = await Promise.all(
      [path, join(path, "journal.json"), join(path, "files")].map((at) =>
        stat(at).then(
          (entry) => entry.mtimeMs,
          () => 0,
        ),
      ),
    );
    if (Date.now() - Math.max(...touched) > ABANDONED_MS)
      await rm(path, { recursive: true, force: true });
  }
}

const sumBytes = (files: readonly { bytes: number }[]): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);
const formatCount = (value: number): string => value.toLocaleString("en-US");
