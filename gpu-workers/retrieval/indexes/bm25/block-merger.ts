import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { BlockReader, compareTerms } from "./index-block";
import { FileWriter, viewBytes } from "./binary-file";
import { BLOCK, type Bm25Counts, COUNT_LIMIT, FILES, LENGTH_LIMIT, WIDE } from "./index-format";

/** Terms merged in one step. */
const STEP_TERMS = 20_000;
/** Postings start at multiples of 4 bytes that are counted in 32 bits. */
const MAX_POSTINGS_BYTES = 2 ** 34;

/** Merges blocks, in the order of their rows, into the files of an index; in memory are the lengths and one term only. */
export class BlockMerger {
  /** Blocks by their current term; among equals by their rows. */
  private readonly readers: { reader: BlockReader; order: number }[] = [];
  private readonly lengths: Uint32Array;
  private readonly out: Record<keyof typeof FILES, FileWriter>;
  private readonly termStarts = new GrowingUint32();
  private readonly documents = new GrowingUint32();
  private readonly postingStarts = new GrowingUint32();
  private readonly stampBytes: number;
  private postings = 0;

  constructor(paths: readonly string[], directory: string, stamp: Uint8Array) {
    const readers = paths.map((path, order) => ({ reader: new BlockReader(path), order }));
    this.lengths = new Uint32Array(
      readers.reduce((sum, { reader }) => sum + reader.lengths.length, 0),
    );
    let row = 0;
    for (const entry of readers) {
      this.lengths.set(entry.reader.lengths, row);
      row += entry.reader.lengths.length;
      this.insertReader(entry);
    }
    const writer = (name: keyof typeof FILES): FileWriter => {
      const file = new FileWriter(join(directory, FILES[name]));
      file.write(stamp);
      return file;
    };
    this.out = {
      terms: writer("terms"),
      dictionary: writer("dictionary"),
      lengths: writer("lengths"),
      postings: writer("postings"),
    };
    this.stampBytes = stamp.length;
  }

  /** Merges the next terms; null as long as there are more, then what the index holds. */
  mergeNextTerms(): Bm25Counts | null {
    for (let i = 0; i < STEP_TERMS; i++) {
      const term = this.readers[0]?.reader.term ?? null;
      if (term === null) return this.finish();
      const parts: { reader: BlockReader; order: number }[] = [];
      while (this.readers[0]?.reader.term === term) {
        const entry = this.readers.shift();
        if (entry) parts.push(entry);
      }
      this.appendTerm(
        term,
        parts.map(({ reader }) => reader),
      );
      for (const entry of parts) {
        entry.reader.advance();
        this.insertReader(entry);
      }
    }
    return null;
  }

  close(): void {
    for (const { reader } of this.readers) reader.close();
  }

  private appendTerm(term: string, parts: readonly BlockReader[]): void {
    const { terms, postings } = this.out;
    const documents = parts.reduce((sum, part) => sum + part.rows.length, 0);
    const wide = parts.some((part) => part.counts.some((count) => count > 0xff));
    this.termStarts.push(terms.position - this.stampBytes);
    this.documents.push(wide ? (documents | WIDE) >>> 0 : documents);
    this.startPostings();
    terms.write(Buffer.from(term));
    for (const { rows } of parts) postings.write(viewBytes(rows));
    for (const { counts } of parts)
      postings.write(wide ? viewBytes(counts) : Uint8Array.from(counts));
    postings.align();
    if (documents > BLOCK) postings.write(viewBytes(this.computeBounds(documents, parts)));
    this.postings += documents;
  }

  private startPostings(): void {
    const at = this.out.postings.position - this.stampBytes;
    if (at >= MAX_POSTINGS_BYTES)
      throw new AppError(
        "unsupported",
        "the corpus is too large for one BM25 index (16 GiB of postings); divide it, or use OpenSearch",
      );
    this.postingStarts.push(at / 4);
  }

  private computeBounds(documents: number, parts: readonly BlockReader[]): Uint32Array {
    const bounds = new Uint32Array(Math.ceil(documents / BLOCK)).fill(LENGTH_LIMIT << 8);
    let i = 0;
    for (const { rows, counts } of parts) {
      for (let k = 0; k < rows.length; k++, i++) {
        const block = Math.floor(i / BLOCK);
        const bound = bounds[block] ?? 0;
        const length = Math.min(bound >>> 8, this.lengths[rows[k] ?? 0] ?? 0);
        const count = Math.min(Math.max(bound & 0xff, counts[k] ?? 0), COUNT_LIMIT);
        bounds[block] = ((length << 8) | count) >>> 0;
      }
    }
    return bounds;
  }

  private finish(): Bm25Counts {
    const { terms, dictionary, lengths, postings } = this.out;
    this.termStarts.push(terms.position - this.stampBytes);
    this.startPostings();
    for (const part of [this.termStarts, this.documents, this.postingStarts])
      dictionary.write(viewBytes(part.toArray()));
    lengths.write(viewBytes(this.lengths));
    let length = 0;
    for (const own of this.lengths) length += own;
    return {
      documents: this.lengths.length,
      terms: this.documents.length,
      postings: this.postings,
      length,
      bytes: {
        terms: terms.finish(),
        dictionary: dictionary.finish(),
        lengths: lengths.finish(),
        postings: postings.finish(),
      },
    };
  }

  /** Puts a block where its term belongs; one that is read to its end is closed. */
  private insertReader(entry: { reader: BlockReader; order: number }): void {
    const { term } = entry.reader;
    if (term === null) {
      entry.reader.close();
      return;
    }
    let low = 0;
    let high = this.readers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.readers[middle];
      const before =
        other !== undefined &&
        (compareTerms(other.reader.term ?? "", term) || other.order - entry.order) < 0;
      if (before) low = middle + 1;
      else high = middle;
    }
    this.readers.splice(low, 0, entry);
  }
}

class GrowingUint32 {
  private array = new Uint32Array(1 << 12);
  length = 0;

  push(value: number): void {
    if (this.length === this.array.length) {
      const larger = new Uint32Array(this.array.length * 2);
      larger.set(this.array);
      this.array = larger;
    }
    this.array[this.length++] = value;
  }

  toArray(): Uint32Array {
    return this.array.subarray(0, this.length);
  }
}
