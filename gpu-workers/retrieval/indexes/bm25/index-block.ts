import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ANALYSIS, forEachToken, normaliseWord } from "./analyser";
import { FileReader, FileWriter, alignTo4, viewBytes } from "./binary-file";

/**
 * A block: the inverted index of a stretch of rows, small enough for memory. A build writes blocks one after the other
 * and merges them; a build that was killed finds the complete ones again.
 *
 * File: header [MAGIC, first row, end row, terms], lengths of the rows, then for each term in order [bytes of its
 * UTF-8, documents], the UTF-8 padded to 4, rows, counts. All numbers are 32 bits wide.
 */
const MAGIC = 0x6b6c6231;
const HEADER = 16;

export interface BlockLimits {
  /** Postings (a term in a document) after which a block is written. */
  postings: number;
  /** Different words, as they are spelt, after which a block is written. */
  words: number;
}
/** Some 200 MB while a block is built. */
export const BLOCK_LIMITS: BlockLimits = { postings: 4_000_000, words: 1_000_000 };

/** Collects documents in memory until `full`. */
export class BlockBuilder {
  private readonly idOfWord = new Map<string, number>();
  private readonly idOfTerm = new Map<string, number>();
  private readonly terms: string[] = [];
  private postings = 0;
  private termIds = new Uint32Array(1 << 16);
  private counts = new Uint32Array(1 << 16);
  private readonly ends: number[] = [];
  private readonly lengths: number[] = [];
  /** Of each term, how often the current document has it. */
  private inDocument = new Uint32Array(1 << 12);

  constructor(
    private readonly firstRow: number,
    private readonly limits: BlockLimits,
    private readonly analysis = ANALYSIS,
  ) {}

  get rows(): number {
    return this.lengths.length;
  }

  get full(): boolean {
    return this.postings >= this.limits.postings || this.idOfWord.size >= this.limits.words;
  }

  add(text: string): void {
    const touched: number[] = [];
    let length = 0;
    forEachToken(text, this.analysis, (start, end) => {
      const id = this.findTermId(text.slice(start, end));
      if (id < 0) return;
      length += 1;
      if (id >= this.inDocument.length) this.inDocument = growArray(this.inDocument, id + 1);
      const before = this.inDocument[id] ?? 0;
      if (before === 0) touched.push(id);
      this.inDocument[id] = before + 1;
    });
    if (this.postings + touched.length > this.termIds.length) {
      this.termIds = growArray(this.termIds, this.postings + touched.length);
      this.counts = growArray(this.counts, this.postings + touched.length);
    }
    for (const id of touched) {
      this.termIds[this.postings] = id;
      this.counts[this.postings] = this.inDocument[id] ?? 0;
      this.inDocument[id] = 0;
      this.postings += 1;
    }
    this.ends.push(this.postings);
    this.lengths.push(length);
  }

  /** Writes the block into `folder`; its file appears only when it is complete. */
  write(folder: string): void {
    const endRow = this.firstRow + this.rows;
    const name = join(folder, formatBlockName(this.firstRow, endRow));
    const file = new FileWriter(`${name}.partial`);
    file.write(viewBytes(Uint32Array.of(MAGIC, this.firstRow, endRow, this.terms.length)));
    file.write(viewBytes(Uint32Array.from(this.lengths)));
    const { starts, rows, counts } = this.invert();
    const order = this.terms
      .map((_, id) => id)
      .sort((a, b) => compareTerms(this.terms[a] ?? "", this.terms[b] ?? ""));
    for (const id of order) {
      const start = starts[id] ?? 0;
      const end = starts[id + 1] ?? 0;
      const utf8 = Buffer.from(this.terms[id] ?? "");
      file.write(viewBytes(Uint32Array.of(utf8.length, end - start)));
      file.write(utf8);
      file.align();
      file.write(viewBytes(rows.subarray(start, end)));
      file.write(viewBytes(counts.subarray(start, end)));
    }
    file.finish();
    renameSync(`${name}.partial`, name);
  }

  /** Postings ordered by term, then row: those of term t are [starts[t], starts[t + 1]). */
  private invert(): { starts: Uint32Array; rows: Uint32Array; counts: Uint32Array } {
    const starts = new Uint32Array(this.terms.length + 1);
    for (let i = 0; i < this.postings; i++) {
      const next = (this.termIds[i] ?? 0) + 1;
      starts[next] = (starts[next] ?? 0) + 1;
    }
    for (let t = 0; t < this.terms.length; t++)
      starts[t + 1] = (starts[t + 1] ?? 0) + (starts[t] ?? 0);
    const at = starts.slice();
    const rows = new Uint32Array(this.postings);
    const counts = new Uint32Array(this.postings);
    let i = 0;
    this.ends.forEach((end, row) => {
      for (; i < end; i++) {
        const term = this.termIds[i] ?? 0;
        const to = at[term] ?? 0;
        at[term] = to + 1;
        rows[to] = this.firstRow + row;
        counts[to] = this.counts[i] ?? 0;
      }
    });
    return { starts, rows, counts };
  }

  /** Number of a word's term in this block; -1 for a stop word. */
  private findTermId(word: string): number {
    let id = this.idOfWord.get(word);
    if (id !== undefined) return id;
    const term = normaliseWord(word);
    id = term === null ? -1 : this.idOfTerm.get(term);
    if (id === undefined && term !== null) {
      id = this.terms.length;
      this.terms.push(term);
      this.idOfTerm.set(term, id);
    }
    this.idOfWord.set(word, id ?? -1);
    return id ?? -1;
  }
}

function growArray(array: Uint32Array<ArrayBuffer>, needed: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(needed, array.length * 2));
  larger.set(array);
  return larger;
}

/** The order of terms in blocks and dictionaries: by UTF-16 code units. */
export function compareTerms(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const formatBlockName = (firstRow: number, endRow: number): string => `block-${firstRow}-${endRow}`;

/**
 * Paths of the complete blocks of a folder, in the order of their rows, as far as they follow one another from row 0;
 * all else in the folder is removed. The rows covered come with them.
 */
export function findCompleteBlocks(folder: string): { paths: string[]; rows: number } {
  const found = new Map<number, { end: number; name: string }>();
  for (const name of readdirSync(folder)) {
    const match = /^block-(\d+)-(\d+)$/.exec(name);
    if (match) found.set(Number(match[1]), { end: Number(match[2]), name });
    else rmSync(join(folder, name), { force: true, recursive: true });
  }
  const paths: string[] = [];
  let rows = 0;
  for (let next = found.get(0); next && next.end > rows; next = found.get(rows)) {
    found.delete(rows);
    paths.push(join(folder, next.name));
    rows = next.end;
  }
  for (const { name } of found.values()) rmSync(join(folder, name), { force: true });
  return { paths, rows };
}

const READ_AHEAD = 1 << 18;

/** Reads a block term by term. */
export class BlockReader {
  private readonly file: FileReader;
  private position = HEADER;
  private remaining: number;
  private window = new Uint8Array(0);
  private windowStart = 0;
  readonly lengths: Uint32Array;
  /** The current term; null after the last. */
  term: string | null = null;
  rows = new Uint32Array(0);
  counts = new Uint32Array(0);

  constructor(path: string) {
    this.file = new FileReader(path);
    const [magic, firstRow = 0, endRow = 0, terms = 0] = this.file.readUint32(0, 4);
    if (magic !== MAGIC) throw new Error(`${path} is no block of an index`);
    this.lengths = this.file.readUint32(HEADER, endRow - firstRow);
    this.position = HEADER + this.lengths.byteLength;
    this.remaining = terms;
    this.advance();
  }

  advance(): void {
    if (this.remaining === 0) {
      this.term = null;
      return;
    }
    this.remaining -= 1;
    const [bytes = 0, documents = 0] = new Uint32Array(this.readBytes(8).buffer);
    this.term = Buffer.from(this.readBytes(alignTo4(bytes)).buffer, 0, bytes).toString("utf8");
    this.rows = new Uint32Array(this.readBytes(documents * 4).buffer);
    this.counts = new Uint32Array(this.readBytes(documents * 4).buffer);
  }

  close(): void {
    this.file.close();
  }

  /** The next bytes, in a buffer of their own. */
  private readBytes(length: number): Uint8Array<ArrayBuffer> {
    const start = this.position;
    this.position += length;
    if (length > READ_AHEAD) return this.file.read(start, length);
    if (start < this.windowStart || start + length > this.windowStart + this.window.length) {
      this.windowStart = start;
      this.window = this.file.read(start, Math.min(READ_AHEAD, this.file.size - start));
    }
    return this.window.slice(start - this.windowStart, start - this.windowStart + length);
  }
}
