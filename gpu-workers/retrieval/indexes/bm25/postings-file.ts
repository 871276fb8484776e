import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { BM25_POSTINGS_IN_MEMORY } from "@/core/memory/index-plan";
import { compareTerms } from "./index-block";
import { FileReader, alignTo4 } from "./binary-file";
import { BLOCK, type Bm25Manifest, FILES, STAMP_BYTES, WIDE } from "./index-format";

/** Where a term occurs: rows in ascending order, how often in each, and bounds of each `BLOCK` of them (see format.ts). */
export interface Postings {
  rows: Int32Array;
  counts: Uint8Array | Uint32Array;
  /** Null where there are too few rows to need any. */
  bounds: Uint32Array | null;
}

/** Terms whose numbers are remembered. */
const KNOWN_TERMS = 50_000;

/** An index opened for reading: terms to postings. */
export class PostingsFile {
  private readonly known = new Map<string, number>();

  private constructor(
    private readonly text: Buffer,
    private readonly termStarts: Uint32Array,
    private readonly documents: Uint32Array,
    private readonly postingStarts: Uint32Array,
    readonly lengths: Uint32Array,
    private readonly postings: PostingsCache,
  ) {}

  /**
   * Postings up to `memoryBytes` are read into memory as a whole; of larger ones the terms used last are kept. Throws
   * `invalid-input` where a file is missing, of another size than the manifest says, or of another index.
   */
  static open(
    directory: string,
    manifest: Bm25Manifest,
    memoryBytes = BM25_POSTINGS_IN_MEMORY,
  ): PostingsFile {
    const { terms } = manifest;
    const open = (name: keyof typeof FILES): FileReader => {
      const path = join(directory, FILES[name]);
      let file: FileReader;
      try {
        file = new FileReader(path);
      } catch (cause) {
        throw new AppError(
          "invalid-input",
          `the index in ${directory} is damaged: ${FILES[name]} cannot be read`,
          { cause },
        );
      }
      const stamp = Buffer.from(file.size >= STAMP_BYTES ? file.read(0, STAMP_BYTES) : []).toString(
        "hex",
      );
      if (file.size === manifest.bytes[name] && stamp === manifest.stamp) return file;
      file.close();
      const reason =
        file.size === manifest.bytes[name]
          ? `${FILES[name]} belongs to another index`
          : `${FILES[name]} has ${file.size} bytes instead of ${manifest.bytes[name]}`;
      throw new AppError("invalid-input", `the index in ${directory} is damaged: ${reason}`);
    };
    const whole = (name: keyof typeof FILES): ArrayBuffer => {
      const file = open(name);
      try {
        return file.read(STAMP_BYTES, file.size - STAMP_BYTES).buffer;
      } finally {
        file.close();
      }
    };
    const dictionary = whole("dictionary");
    if (dictionary.byteLength !== 4 * (3 * terms + 2))
      throw new AppError(
        "invalid-input",
        `the index in ${directory} is damaged: its dictionary does not hold ${terms} terms`,
      );
    return new PostingsFile(
      Buffer.from(whole("terms")),
      new Uint32Array(dictionary, 0, terms + 1),
      new Uint32Array(dictionary, 4 * (terms + 1), terms),
      new Uint32Array(dictionary, 4 * (2 * terms + 1), terms + 1),
      new Uint32Array(whole("lengths")),
      new PostingsCache(open("postings"), memoryBytes),
    );
  }

  /** Postings of a term; null where no document has it. */
  find(term: string): Postings | null {
    const id = this.findTermId(term);
    if (id < 0) return null;
    const documents = this.documents[id] ?? 0;
    const wide = documents >= WIDE;
    const count = wide ? documents - WIDE : documents;
    const start = (this.postingStarts[id] ?? 0) * 4;
    const buffer = this.postings.read(id, start, (this.postingStarts[id + 1] ?? 0) * 4 - start);
    const counts = buffer.byteOffset + 4 * count;
    const bounds = counts + (wide ? 4 * count : alignTo4(count));
    return {
      rows: new Int32Array(buffer.buffer, buffer.byteOffset, count),
      counts: wide
        ? new Uint32Array(buffer.buffer, counts, count)
        : new Uint8Array(buffer.buffer, counts, count),
      bounds:
        count > BLOCK ? new Uint32Array(buffer.buffer, bounds, Math.ceil(count / BLOCK)) : null,
    };
  }

  /** Bytes in memory. */
  get bytes(): number {
    return (
      this.text.length +
      this.termStarts.byteLength +
      this.documents.byteLength +
      this.postingStarts.byteLength +
      this.lengths.byteLength +
      this.postings.bytes
    );
  }

  close(): void {
    this.postings.close();
  }

  /** Number of a term; -1 where no document has it. Queries ask for the same terms again and again. */
  private findTermId(term: string): number {
    let id = this.known.get(term);
    if (id === undefined) {
      if (this.known.size >= KNOWN_TERMS) this.known.clear();
      this.known.set(term, (id = this.searchDictionary(term)));
    }
    return id;
  }

  private searchDictionary(term: string): number {
    let low = 0;
    let high = this.documents.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = compareTerms(
        this.text.toString("utf8", this.termStarts[middle], this.termStarts[middle + 1]),
        term,
      );
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

/** The bytes of the postings: all in memory, or those read last. */
class PostingsCache {
  private readonly all: Uint8Array | null;
  private readonly kept = new Map<number, Uint8Array>();
  private keptBytes = 0;

  constructor(
    private readonly file: FileReader,
    private readonly memoryBytes: number,
  ) {
    this.all = file.size <= memoryBytes ? file.read(STAMP_BYTES, file.size - STAMP_BYTES) : null;
  }

  get bytes(): number {
    return this.all?.length ?? this.keptBytes;
  }

  read(id: number, start: number, length: number): Uint8Array {
    if (this.all) return this.all.subarray(start, start + length);
    let bytes = this.kept.get(id);
    if (bytes) {
      this.kept.delete(id); // the map's order is that of use
    } else {
      bytes = this.file.read(STAMP_BYTES + start, length);
      this.keptBytes += length;
    }
    this.kept.set(id, bytes);
    for (const [oldest, old] of this.kept) {
      if (this.keptBytes <= this.memoryBytes || oldest === id) break;
      this.kept.delete(oldest);
      this.keptBytes -= old.length;
    }
    return bytes;
  }

  close(): void {
    this.file.close();
  }
}
