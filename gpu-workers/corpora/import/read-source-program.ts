import type { FoundCorpusFile } from "@/contracts/formats/corpus-reading";
import type { CorpusItem } from "@/core/corpora/read-corpus-records";
import { openSourceFile } from "./open-source-file";
import type { Format, InputFile, ReadingOptions } from "./source-files";

/** Reads the files of a source; runs in a process of its own (read-source.ts). */

/** Where reading is: enough to go on from there. */
export interface Place {
  /** Number of the file. */
  file: number;
  /** Items of it that were taken. */
  item: number;
}

export interface ReadSourceRequest {
  files: readonly InputFile[];
  format: Format;
  reading: ReadingOptions;
  from: Place;
  /** Only the first bytes of each file are read; absent: all. */
  headBytes?: number;
}

/** Items of one file, in order. A file begins with a batch that says what it is, and ends with one that says so. */
export interface SourceBatch {
  /** The place after the items. */
  place: Place;
  /** Bytes of the file that are behind. */
  offset: number;
  items: CorpusItem[];
  found?: FoundCorpusFile;
}

const BATCH_ITEMS = 500;
/** While items are passed over nothing is sent but this. */
const SIGN_OF_LIFE_MS = 5_000;

/** @throws AppError "invalid-input" where a file as a whole cannot be read */
export default async function* readSource({
  files,
  format,
  reading,
  from,
  headBytes,
}: ReadSourceRequest): AsyncGenerator<SourceBatch> {
  for (let number = from.file; number < files.length; number++) {
    const file = files[number]!;
    let item = number === from.file ? from.item : 0;
    // Which file is meant where opening it never ends.
    yield { place: { file: number, item }, offset: 0, items: [] };
    if (file.bytes === 0) continue;
    const opened = await openSourceFile(file, format, reading, item, headBytes);
    try {
      yield { place: { file: number, item }, offset: 0, items: [], found: opened.found };
      let sent = Date.now();
      for await (const batch of opened.batches) {
        if (batch.length === 0 && Date.now() - sent < SIGN_OF_LIFE_MS) continue;
        for (let at = 0; at === 0 || at < batch.length; at += BATCH_ITEMS) {
          const items = batch.slice(at, at + BATCH_ITEMS);
          item += items.length;
          yield { place: { file: number, item }, offset: opened.getOffset(), items };
        }
        sent = Date.now();
      }
    } finally {
      await opened.close();
    }
  }
}
