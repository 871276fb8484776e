import { createHash } from "node:crypto";
import { type FileHandle, open, stat } from "node:fs/promises";
import { type CorpusRecord, LineError, type QuestionRecord, parseCorpusLine, parseQuestionSet } from "@/contracts/corpus";
import { documentHash } from "@/contracts/document-hash";
import type { DocumentText } from "@/contracts/episode";
import { AppError } from "@/contracts/errors";
import { readLines } from "./lines";

/** Streams the documents of a JSONL corpus with their lines; blank lines are skipped. Throws `LineError`. */
export async function* readCorpus(path: string): AsyncGenerator<{ record: CorpusRecord; line: number; offset: number; length: number }> {
  for await (const line of readLines(path)) {
    if (line.text.trim() === "") continue;
    yield { record: parseCorpusLine(line.text, line.number), line: line.number, offset: line.offset, length: line.length };
  }
}

/** Reads and checks a whole question file (see `parseQuestionSet`). */
export async function readQuestions(path: string): Promise<QuestionRecord[]> {
  await requireFile(path, "question");
  const lines: string[] = [];
  for await (const line of readLines(path)) lines.push(line.text);
  return parseQuestionSet(lines);
}

/**
 * A corpus file opened for random access: row i is the i-th document. Only ids and byte positions are kept in memory;
 * texts are read from the file when they are asked for.
 */
export class CorpusFile {
  private constructor(
    readonly path: string,
    /** Sha256 over the documents in order, independent of the file's layout. */
    readonly hash: string,
    private readonly ids: readonly string[],
    private readonly rowOf: ReadonlyMap<string, number>,
    private readonly lines: readonly { offset: number; length: number; line: number }[],
    private readonly file: FileHandle,
  ) {}

  /**
   * Scans the file once. Throws `not-found`, or `LineError` for a line that is no document or repeats an id.
   * `onProgress` gets bytes read and bytes in all.
   */
  static async open(path: string, signal?: AbortSignal, onProgress?: (done: number, total: number) => void): Promise<CorpusFile> {
    const total = await requireFile(path, "corpus");
    const hash = createHash("sha256");
    const ids: string[] = [];
    const rowOf = new Map<string, number>();
    const lines: { offset: number; length: number; line: number }[] = [];
    for await (const { record, line, offset, length } of readCorpus(path)) {
      const earlier = rowOf.get(record.id);
      if (earlier !== undefined) throw new LineError(line, `repeats the id ${JSON.stringify(record.id)} of line ${lines[earlier]?.line}`);
      hash.update(`${JSON.stringify([record.id, record.title, record.text])}\n`);
      rowOf.set(record.id, ids.length);
      ids.push(record.id);
      lines.push({ offset, length, line });
      if (ids.length % 1000 === 0) {
        if (signal?.aborted) throw new AppError("cancelled", "reading the corpus was cancelled");
        onProgress?.(offset, total);
      }
    }
    onProgress?.(total, total);
    return new CorpusFile(path, hash.digest("hex"), ids, rowOf, lines, await open(path, "r"));
  }

  get size(): number {
    return this.ids.length;
  }

  /** Row of a document, undefined where the corpus has none of that id. */
  row(id: string): number | undefined {
    return this.rowOf.get(id);
  }

  /** Documents of the given rows, in their order. Throws `conflict` where the file has changed since it was opened. */
  async read(rows: readonly number[]): Promise<DocumentText[]> {
    return Promise.all(
      rows.map(async (row) => {
        const position = this.lines[row];
        if (!position) throw new AppError("internal", `the corpus has no row ${row}`);
        const bytes = Buffer.allocUnsafe(position.length);
        const { bytesRead } = await this.file.read(bytes, 0, position.length, position.offset);
        try {
          const record = parseCorpusLine(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, bytesRead)), position.line);
          if (record.id === this.ids[row]) return { ...record, hash: documentHash(record) };
        } catch (cause) {
          throw this.changed(cause);
        }
        throw this.changed();
      }),
    );
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private changed(cause?: unknown): AppError {
    return new AppError("conflict", `the corpus file ${this.path} was changed while it was in use; start again to index it as it is now`, { cause });
  }
}

async function requireFile(path: string, what: string): Promise<number> {
  try {
    const entry = await stat(path);
    if (entry.isFile()) return entry.size;
  } catch (cause) {
    throw new AppError("not-found", `there is no ${what} file at ${path}`, { cause });
  }
  throw new AppError("not-found", `the ${what} path ${path} is not a file`);
}
