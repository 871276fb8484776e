import { createHash } from "node:crypto";
import { createReadStream, readSync, type Stats } from "node:fs";
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import {
  type CorpusRecord,
  LineError,
  type QuestionRecord,
  parseCorpusLine,
  parseQuestionSet,
} from "@/contracts/formats/corpus-lines";
import { hashDocument } from "@/core/episode/document-hash";
import type { DocumentText } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { READ_CHUNK_BYTES, readLines, scanLines } from "./lines";
import { loadRows, saveRows, type Rows } from "./row-file";
import { hash32, Offsets, RowTable } from "./row-table";

/** Streams the documents of a JSONL corpus with their lines; blank lines are skipped. Throws `LineError`. */
export async function* readCorpus(
  path: string,
): AsyncGenerator<{ record: CorpusRecord; line: number; offset: number; length: number }> {
  for await (const line of readLines(path)) {
    if (line.text.trim() === "") continue;
    yield {
      record: parseCorpusLine(line.text, line.number),
      line: line.number,
      offset: line.offset,
      length: line.length,
    };
  }
}

/** Reads and checks a whole question file (see `parseQuestionSet`). */
export async function readQuestions(path: string): Promise<QuestionRecord[]> {
  await requireFile(path, "question");
  const lines: string[] = [];
  for await (const line of readLines(path)) lines.push(line.text);
  return parseQuestionSet(lines);
}

/** Content of a corpus: sha256 over its documents in order, independent of the file's layout. */
export class CorpusDigest {
  private readonly hash = createHash("sha256");

  add({ id, title, text }: CorpusRecord): void {
    this.hash.update(`${JSON.stringify([id, title, text])}\n`);
  }

  digest(): string {
    return this.hash.digest("hex");
  }
}

/** A document with its hash, and with its line's `contents` where that is of a form of its own. */
type CorpusDocument = DocumentText & Pick<CorpusRecord, "contents">;

/** Smaller files are read anew as fast as their rows would be. */
const SAVE_ROWS_FROM_BYTES = 8 * 1024 * 1024;

/**
 * A corpus file opened for random access: row i is the i-th document. In memory are only where each row starts and a
 * table of hashed ids, about 17 bytes a passage; texts are read from the file when they are asked for. What is known of
 * the rows is saved beside the file (row-file.ts), so that only the first opening reads it all.
 */
export class CorpusFile {
  private constructor(
    readonly path: string,
    private readonly rows: Rows,
    private readonly file: FileHandle,
    /** Says that `contents` of its lines is not known; undefined where it is. */
    readonly note: string | undefined,
  ) {}

  /**
   * Opens a corpus by its saved rows, or scans it once. Throws `not-found`, `conflict` where an imported file was cut or
   * changed, or `LineError` for a line that is no document or repeats an id. `onProgress` gets bytes read and bytes in all.
   */
  static async open(
    path: string,
    signal?: AbortSignal,
    onProgress?: (done: number, total: number) => void,
  ): Promise<CorpusFile> {
    const { size: bytes, mtimeMs } = await requireFile(path, "corpus");
    const imported = await readImported(path);
    if (imported && imported.bytes !== bytes)
      throw buildDamagedError(path, `has ${bytes} bytes where its import wrote ${imported.bytes}`);
    const saved = await loadRows(path, { bytes, mtimeMs });
    const rows = saved ?? (await scanRows(path, bytes, signal, onProgress));
    if (imported && imported.hash !== rows.hash)
      throw buildDamagedError(path, "holds other documents than its import wrote");
    // A folder that may not be written is no failure: the file is scanned again next time.
    if (!saved && bytes >= SAVE_ROWS_FROM_BYTES)
      await saveRows(path, { bytes, mtimeMs }, rows).catch(() => undefined);
    onProgress?.(bytes, bytes);
    const note = imported && !imported.contentsForms ? REBUILT_CONTENTS : undefined;
    return new CorpusFile(path, rows, await open(path, "r"), note);
  }

  /** Sha256 over the documents in order, independent of the file's layout. */
  get hash(): string {
    return this.rows.hash;
  }

  get size(): number {
    return this.rows.table.size;
  }

  /** Memory that the rows take, in bytes a passage. */
  get bytesPerPassage(): number {
    return this.size === 0
      ? 0
      : (this.rows.starts.byteLength + this.rows.table.byteLength) / this.size;
  }

  /** Row of a document, undefined where the corpus has none of that id. Reads a line or two of the file. */
  findRow(id: string): number | undefined {
    for (const row of this.rows.table.findCandidates(hash32(id))) {
      const { start, length } = this.getRange(row);
      const bytes = Buffer.allocUnsafe(length);
      const bytesRead = readSync(this.file.fd, bytes, 0, length, start);
      if (this.parseBytes(bytes.subarray(0, bytesRead), row).id === id) return row;
    }
    return undefined;
  }

  /** Documents by id, in the order of the ids. Throws `not-found` for an id that the corpus has not. */
  async getDocuments(ids: readonly string[]): Promise<CorpusDocument[]> {
    return this.readRows(
      ids.map((id) => {
        const row = this.findRow(id);
        if (row === undefined)
          throw new AppError("not-found", `the corpus has no document ${JSON.stringify(id)}`);
        return row;
      }),
    );
  }

  /** Documents of the given rows, in their order. Throws `conflict` where the file has changed since it was opened. */
  async readRows(rows: readonly number[]): Promise<CorpusDocument[]> {
    return Promise.all(
      rows.map(async (row) => {
        const { start, length } = this.getRange(row);
        const bytes = Buffer.allocUnsafe(length);
        const { bytesRead } = await this.file.read(bytes, 0, length, start);
        const record = this.parseBytes(bytes.subarray(0, bytesRead), row);
        return { ...record, hash: hashDocument(record) };
      }),
    );
  }

  /** All documents in order from row `from` on, read in one go and in constant memory. */
  async *scanRows(from = 0): AsyncGenerator<{ row: number; record: CorpusRecord }> {
    if (from >= this.size) return;
    const { start: offset } = this.getRange(from);
    // The last row ends where the file did when it was opened.
    const end = (this.rows.starts[this.size] ?? 1) - 1;
    const bytes = createReadStream(this.path, {
      start: offset,
      end,
      highWaterMark: READ_CHUNK_BYTES,
    });
    let row = from;
    for await (const line of scanLines(bytes)) {
      if ("problem" in line || row >= this.size) throw this.fileChangedError();
      if (line.text.trim() === "") continue;
      yield { row, record: this.parseText(line.text, row) };
      row += 1;
    }
    if (row !== this.size) throw this.fileChangedError();
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private getRange(row: number): { start: number; length: number } {
    const start = this.rows.starts[row];
    const end = this.rows.starts[row + 1];
    if (start === undefined || end === undefined)
      throw new AppError("internal", `the corpus has no row ${row}`);
    return { start, length: end - start };
  }

  private parseBytes(bytes: Buffer, row: number): CorpusRecord {
    let text: string;
    try {
      // The line break and blank lines may follow the row's own line; they are white space to JSON.
      text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (cause) {
      throw this.fileChangedError(cause);
    }
    return this.parseText(text, row);
  }

  private parseText(text: string, row: number): CorpusRecord {
    let record: CorpusRecord;
    try {
      record = parseCorpusLine(text, row + 1);
    } catch (cause) {
      throw this.fileChangedError(cause);
    }
    if (hash32(record.id) !== this.rows.table.getHash(row)) throw this.fileChangedError();
    return record;
  }

  private fileChangedError(cause?: unknown): AppError {
    return new AppError(
      "conflict",
      `the corpus file ${this.path} was changed while it was in use; start again to index it as it is now`,
      { cause },
    );
  }
}

/** Of the manifest that an import leaves beside the documents. */
const importedSchema = z.object({
  bytes: z.number(),
  hash: z.string(),
  contentsForms: z.unknown().optional(),
});

const REBUILT_CONTENTS =
  "The corpus was imported before the form of each line was kept: `contents` of a document is made of title and text, in upstream's form. Import it anew to have its lines as they were.";

/** What an import wrote; null for a file that was put there by hand. */
async function readImported(path: string): Promise<z.infer<typeof importedSchema> | null> {
  if (basename(path) !== "documents.jsonl") return null;
  try {
    const text = await readFile(join(dirname(path), "manifest.json"), "utf8");
    return importedSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const buildDamagedError = (path: string, how: string): AppError =>
  new AppError(
    "conflict",
    `The corpus file ${path} ${how}: it was cut or changed. Delete the corpus and import it anew.`,
  );

async function scanRows(
  path: string,
  total: number,
  signal?: AbortSignal,
  onProgress?: (done: number, total: number) => void,
): Promise<Rows> {
  const digest = new CorpusDigest();
  const table = RowTable.createEmpty();
  const starts = new Offsets();
  let end = 0;
  for await (const { record, line, offset, length } of readCorpus(path)) {
    const hash = hash32(record.id);
    for (const earlier of table.findCandidates(hash)) {
      if ((await readRecordAt(path, starts.get(earlier))).id === record.id)
        throw new LineError(
          line,
          `repeats the id ${JSON.stringify(record.id)} of line ${await findLineOfRow(path, earlier)}`,
        );
    }
    digest.add(record);
    table.add(hash);
    starts.add(offset);
    end = offset + length;
    if (table.size % 1000 === 0) {
      if (signal?.aborted) throw new AppError("cancelled", "reading the corpus was cancelled");
      onProgress?.(offset, total);
    }
  }
  starts.add(end);
  table.toArrays();
  return { hash: digest.digest(), starts: starts.toArray(), table };
}

/** The document whose line starts at an offset. */
async function readRecordAt(path: string, offset: number): Promise<CorpusRecord> {
  for await (const line of scanLines(createReadStream(path, { start: offset }))) {
    if (!("problem" in line)) return parseCorpusLine(line.text, line.number);
  }
  throw new AppError("conflict", `the corpus file ${path} was changed while it was read`);
}

async function findLineOfRow(path: string, row: number): Promise<number> {
  let seen = 0;
  for await (const { line } of readCorpus(path)) if (seen++ === row) return line;
  throw new AppError("conflict", `the corpus file ${path} was changed while it was read`);
}

async function requireFile(path: string, what: string): Promise<Stats> {
  let entry: Stats;
  try {
    entry = await stat(path);
  } catch (cause) {
    throw new AppError("not-found", `there is no ${what} file at ${path}`, { cause });
  }
  if (!entry.isFile()) throw new AppError("not-found", `the ${what} path ${path} is not a file`);
  return entry;
}
