import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { BM25_POSTINGS_IN_MEMORY } from "@/core/memory/index-plan";
import { compareTerms } from "./index-block";
import { FileReader, alignTo4 } from "./binary-file";
import { BLOCK, type Bm25Manifest, FILES, STAMP_BYTES, WIDE } from "./index-format";

/** Where a term occurs: rows in ascending order, how often in each, and bounds of each `BLOCK` of them (index-format.ts). */
export interface Postings {
  rows: Int32Array;
  counts: Uint8Array | Uint32Array;
  /** Null where there are too few rows to need any. */
  bounds: Uint32Array | null;
}

/** Terms whose numbers are remembered. */
const KNOWN_TERMS = 50_000;

/** Every so many terms one is kept as a string: most steps of a search in the dictionary decode none. */
const LANDMARK = 32;

/** An index that is in memory as a whole, for several threads to read. */
export type IndexMemory = Record<keyof typeof FILES, SharedArrayBuffer>;

/** An index opened for reading: terms to postings. */
export class PostingsFile {
  private readonly known = new Map<string, number>();
  private readonly text: Buffer;
  private readonly termStarts: Uint32Array;
  private readonly documents: Uint32Array;
  private readonly postingStarts: Uint32Array;
  private readonly landmarks: string[];
  readonly lengths: Uint32Array;

  private constructor(
    private readonly parts: Omit<IndexMemory, "postings">,
    private readonly postings: PostingsReader,
  ) {
    const { terms, dictionary, lengths } = parts;
    const count = (dictionary.byteLength / 4 - 2) / 3;
    this.text = Buffer.from(terms);
    this.termStarts = new Uint32Array(dictionary, 0, count + 1);
    this.documents = new Uint32Array(dictionary, 4 * (count + 1), count);
    this.postingStarts = new Uint32Array(dictionary, 4 * (2 * count + 1), count + 1);
    this.lengths = new Uint32Array(lengths);
    this.landmarks = Array.from({ length: Math.ceil(count / LANDMARK) }, (_, i) =>
      this.readTerm(i * LANDMARK),
    );
  }

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
    const readWhole = (name: keyof typeof FILES): SharedArrayBuffer => {
      const file = open(name);
      try {
        const whole = new SharedArrayBuffer(file.size - STAMP_BYTES);
        file.readInto(new Uint8Array(whole), STAMP_BYTES);
        return whole;
      } finally {
        file.close();
      }
    };
    const dictionary = readWhole("dictionary");
    if (dictionary.byteLength !== 4 * (3 * terms + 2))
      throw new AppError(
        "invalid-input",
        `the index in ${directory} is damaged: its dictionary does not hold ${terms} terms`,
      );
    const parts = { terms: readWhole("terms"), dictionary, lengths: readWhole("lengths") };
    return new PostingsFile(
      parts,
      manifest.bytes.postings <= memoryBytes
        ? new PostingsInMemory(readWhole("postings"))
        : new PostingsOnDisk(open("postings"), memoryBytes),
    );
  }

  /** Reads an index that another thread has opened (`memory`). */
  static attach({ postings, ...parts }: IndexMemory): PostingsFile {
    return new PostingsFile(parts, new PostingsInMemory(postings));
  }

  /** What another thread needs to read this index too; null where its postings stay on the disk. */
  get memory(): IndexMemory | null {
    if (!(this.postings instanceof PostingsInMemory)) return null;
    return { ...this.parts, postings: this.postings.whole };
  }

  /** In how many documents a term is. */
  countDocuments(term: string): number {
    const id = this.findTermId(term);
    return id < 0 ? 0 : (this.documents[id] ?? 0) % WIDE;
  }

  /** Postings of a term; null where no document has it. */
  find(term: string): Postings | null {
    const id = this.findTermId(term);
    if (id < 0) return null;
    const documents = this.documents[id] ?? 0;
    const wide = documents >= WIDE;
    const count = documents % WIDE;
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
    const parts = Object.values(this.parts);
    return parts.reduce((sum, part) => sum + part.byteLength, this.postings.bytes);
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
    const from = search(this.landmarks.length, (i) => this.landmarks[i] ?? "", term);
    if (from < 0) return -1;
    const start = from * LANDMARK;
    const count = Math.min(LANDMARK, this.documents.length - start);
    const place = search(count, (i) => this.readTerm(start + i), term);
    return place >= 0 && this.readTerm(start + place) === term ? start + place : -1;
  }

  private readTerm(id: number): string {
    return this.text.toString("utf8", this.termStarts[id], this.termStarts[id + 1]);
  }
}

/** The last of `count` ordered terms that is not behind `term`; -1 where all are. */
function search(count: number, read: (i: number) => string, term: string): number {
  let low = 0;
  let high = count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (compareTerms(read(middle), term) <= 0) low = middle + 1;
    else high = middle - 1;
  }
  return high;
}

/** The bytes of the postings. */
interface PostingsReader {
  /** In memory. */
  readonly bytes: number;
  read(id: number, start: number, length: number): Uint8Array;
  close(): void;
}

class PostingsInMemory implements PostingsReader {
  constructor(readonly whole: SharedArrayBuffer) {}

  get bytes(): number {
    return this.whole.byteLength;
  }

  read(_id: number, start: number, length: number): Uint8Array {
    return new Uint8Array(this.whole, start, length);
  }

  close(): void {}
}

/** Keeps those that were read last. */
class PostingsOnDisk implements PostingsReader {
  private readonly kept = new Map<number, Uint8Array>();
  bytes = 0;

  constructor(
    private readonly file: FileReader,
    private readonly memoryBytes: number,
  ) {}

  read(id: number, start: number, length: number): Uint8Array {
    let bytes = this.kept.get(id);
    if (bytes) {
      this.kept.delete(id); // the map's order is that of use
    } else {
      bytes = this.file.read(STAMP_BYTES + start, length);
      this.bytes += length;
    }
    this.kept.set(id, bytes);
    for (const [oldest, old] of this.kept) {
      if (this.bytes <= this.memoryBytes || oldest === id) break;
      this.kept.delete(oldest);
      this.bytes -= old.length;
    }
    return bytes;
  }

  close(): void {
    this.file.close();
  }
}
