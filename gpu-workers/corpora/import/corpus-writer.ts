import { createReadStream, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { CorpusRecord } from "@/contracts/formats/corpus-lines";
import type { LengthHistogram } from "@/contracts/worker-protocol/corpus-report";
import { encodeContents, parseCorpusLine } from "@/contracts/formats/corpus-lines";
import { AppError } from "@/contracts/errors";
import { CorpusDigest } from "@/gpu-workers/corpora/file/corpus-file";
import { READ_CHUNK_BYTES, scanLines } from "@/gpu-workers/corpora/file/lines";
import type { Rows } from "@/gpu-workers/corpora/file/row-file";
import { hash32, Offsets, RowTable, SeenTexts } from "@/gpu-workers/corpora/file/row-table";

/** Written to the disk in pieces of about this size. */
const BUFFER_CHARACTERS = 4 * 1024 * 1024;

/** What became of a passage. */
export type WriteOutcome = "written" | "repeated" | "id-taken";

/** Words of passages by length: upper bounds of the buckets. */
const BUCKET_LIMITS = [10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, null] as const;

/** Counts lengths in words. */
class LengthCounter {
  private readonly counts: number[] = BUCKET_LIMITS.map(() => 0);
  private shortest = Number.MAX_SAFE_INTEGER;
  private longest = 0;
  private sum = 0;
  private n = 0;

  add(text: string): void {
    const words = countWords(text);
    const bucket = BUCKET_LIMITS.findIndex((limit) => limit === null || words <= limit);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.shortest = Math.min(this.shortest, words);
    this.longest = Math.max(this.longest, words);
    this.sum += words;
    this.n += 1;
  }

  report(): LengthHistogram {
    return {
      upTo: [...BUCKET_LIMITS],
      counts: [...this.counts],
      shortest: this.n ? this.shortest : 0,
      longest: this.longest,
      mean: this.n ? this.sum / this.n : 0,
    };
  }
}

/** Runs of characters that are not white space. */
function countWords(text: string): number {
  let words = 0;
  let inside = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const white =
      code === 32 ||
      (code >= 9 && code <= 13) ||
      code === 0xa0 ||
      code === 0x2028 ||
      code === 0x2029 ||
      code === 0x3000;
    if (!white && !inside) words += 1;
    inside = !white;
  }
  return words;
}

/**
 * Writes the documents of an import, `{"id","title","text"}` a line, with the form of its `contents` where that is not
 * upstream's, and knows all that follows from them: content hash,
 * rows, lengths, repeated texts. Opened on a file that was begun, it takes up what is in it, so that nothing of that
 * need be kept elsewhere.
 */
export class CorpusWriter {
  private readonly digest = new CorpusDigest();
  private readonly starts = new Offsets();
  private readonly table = RowTable.createEmpty();
  private readonly seen = new SeenTexts();
  private readonly lengths = new LengthCounter();
  private waiting: string[] = [];
  private waitingCharacters = 0;
  /** Bytes on disk, and with what waits. */
  private written = 0;
  private end = 0;
  private sameTexts = 0;
  /** How many lines have `contents` of each form. */
  private readonly forms = new Map<string, number>();

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /** Opens the file, cut to its first `bytes`: what came after them is done again. */
  static async open(
    path: string,
    bytes: number,
    signal: AbortSignal,
    onProgress: (done: number) => void = () => undefined,
  ): Promise<CorpusWriter> {
    const file = await open(path, bytes > 0 ? "r+" : "w+");
    const writer = new CorpusWriter(path, file);
    try {
      await file.truncate(bytes);
      if (bytes > 0) await writer.restore(bytes, signal, onProgress);
      return writer;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get documents(): number {
    return this.table.size;
  }

  /** Bytes of documents so far, those that wait included. */
  get bytes(): number {
    return this.end;
  }

  /** Passages whose text an earlier one has under another id. */
  get repeatedTexts(): number {
    return this.sameTexts;
  }

  /** Writes a passage, unless it repeats an earlier one or has the id of another. */
  async add(record: CorpusRecord): Promise<WriteOutcome> {
    const hash = hash32(record.id);
    for (const row of this.table.findCandidates(hash)) {
      const earlier = await this.readRecord(row);
      if (earlier.id !== record.id) continue;
      return earlier.title === record.title && earlier.text === record.text
        ? "repeated"
        : "id-taken";
    }
    const { id, title, text } = record;
    const line = `${JSON.stringify({ id, title, text, ...encodeContents(record) })}\n`;
    this.register(record, hash, this.end);
    this.end += Buffer.byteLength(line);
    this.waiting.push(line);
    this.waitingCharacters += line.length;
    if (this.waitingCharacters >= BUFFER_CHARACTERS) await this.flush();
    return "written";
  }

  /** Puts what waits on the disk; with `sync`, so that it outlives the machine. */
  async flush(sync = false): Promise<void> {
    if (this.waiting.length > 0) {
      const bytes = Buffer.from(this.waiting.join(""));
      this.waiting = [];
      this.waitingCharacters = 0;
      for (let at = 0; at < bytes.length;)
        at += (await this.file.write(bytes, at, bytes.length - at, this.written + at)).bytesWritten;
      this.written += bytes.length;
    }
    if (sync) await this.file.datasync();
  }

  /** Flushes, closes, and gives what is known. */
  async finish(): Promise<{
    rows: Rows;
    lengths: LengthHistogram;
    repeatedTexts: number;
    contentsForms: Record<string, number>;
  }> {
    await this.flush(true);
    await this.file.close();
    this.starts.add(this.end);
    this.table.toArrays();
    return {
      rows: { hash: this.digest.digest(), starts: this.starts.toArray(), table: this.table },
      lengths: this.lengths.report(),
      repeatedTexts: this.sameTexts,
      contentsForms: Object.fromEntries(this.forms),
    };
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private register(record: CorpusRecord, hash: number, start: number): void {
    this.digest.add(record);
    this.table.add(hash);
    this.starts.add(start);
    this.lengths.add(record.text);
    const { contents, contentsForm = contents === undefined ? "quoted" : "verbatim" } =
      encodeContents(record);
    this.forms.set(contentsForm, (this.forms.get(contentsForm) ?? 0) + 1);
    if (this.seen.add(`${record.title}\n${record.text}`)) this.sameTexts += 1;
  }

  private async restore(
    bytes: number,
    signal: AbortSignal,
    onProgress: (done: number) => void,
  ): Promise<void> {
    for await (const line of scanLines(
      createReadStream(this.path, { end: bytes - 1, highWaterMark: READ_CHUNK_BYTES }),
    )) {
      if ("problem" in line)
        throw new AppError(
          "conflict",
          `${this.path} was changed since the import was interrupted; delete the run's folder beside it and resume`,
        );
      const record = parseCorpusLine(line.text, line.number);
      this.register(record, hash32(record.id), line.offset);
      if (line.number % 1000 === 0) {
        signal.throwIfAborted();
        onProgress(line.next);
      }
    }
    this.written = bytes;
    this.end = bytes;
  }

  /** An earlier document, read back; it may still wait to be written. */
  private async readRecord(row: number): Promise<CorpusRecord> {
    const start = this.starts.get(row);
    const end = row + 1 < this.starts.length ? this.starts.get(row + 1) : this.end;
    if (end > this.written) await this.flush();
    const bytes = Buffer.allocUnsafe(end - start);
    const read = readSync(this.file.fd, bytes, 0, bytes.length, start);
    return parseCorpusLine(bytes.subarray(0, read).toString("utf8"), row + 1);
  }
}
