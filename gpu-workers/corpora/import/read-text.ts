import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { getModelDir } from "@/lib/paths.mjs";
import { TextTokenizer } from "@/gpu-workers/runtime/text-tokenizer";
import type { Encoding } from "@/contracts/formats/reading";
import type { CorpusItem, OpenedCorpusFile } from "@/core/corpora/read-corpus-records";
import {
  detectEncoding,
  formatEncoding,
  INVALID,
  REPLACEMENT,
  TextDecoding,
} from "@/core/reading/encoding";
import type { ReadingOptions } from "./source-files";
import { splitIntoChunks } from "./text-chunks";

/** The encoder whose tokenizer counts: the default of a retriever. */
const DEFAULT_ENCODER = "minilm";
/** A file is cut in blocks of this many characters, of twice as many at most; a block's last chunk begins the next. */
const BLOCK_CHARACTERS = 256 * 1024;
/** A heading is the title of every passage under it: of a longer one only the beginning is. */
const TITLE_CHARACTERS = 512;
/** Words whose number of tokens is remembered, and how long one may be. */
const REMEMBERED_WORDS = 50_000;
const REMEMBERED_CHARACTERS = 64;
/**
 * A tokenizer of word pieces takes a longer word for one that it does not know, a single token of any length. Here it has
 * a token for each character, as Chinese has, so that no passage grows with it.
 */
const WORD_CHARACTERS = 100;

type TextReading = Pick<ReadingOptions, "chunkTokens" | "chunkOverlap" | "encoding">;

/**
 * Plain text or Markdown, cut into passages of so many tokens that share some with their neighbours. The title of a
 * passage is the heading it stands under, or the file's name; its id is the file's name and its number. Bytes that are
 * no characters are reported once a line, and the text around them is kept.
 * @param from items to pass over
 */
export async function openCorpusText(
  bytes: AsyncIterable<Uint8Array>,
  reading: TextReading,
  fileName: string,
  from = 0,
): Promise<OpenedCorpusFile> {
  if (reading.chunkOverlap >= reading.chunkTokens)
    throw new AppError(
      "invalid-input",
      `The overlap (${reading.chunkOverlap} tokens) must be shorter than a passage (${reading.chunkTokens} tokens).`,
    );
  const countTokens = await getTokenCounter();
  const pieces = bytes[Symbol.asyncIterator]();
  const head = await pieces.next();
  const detected = detectEncoding(head.done ? new Uint8Array() : head.value).encoding;
  const encoding = reading.encoding === "auto" ? "utf-8" : reading.encoding;
  const isOther = detected !== encoding && reading.encoding === "auto";
  async function* read(): AsyncGenerator<CorpusItem[]> {
    let item = 0;
    for await (const items of isOther && detected !== "windows-1252"
      ? [[{ line: 1, record: null, problem: describeOther(detected) }]]
      : readPassages(decode(head, pieces, encoding), reading, encoding, fileName, countTokens)) {
      const start = item;
      item += items.length;
      yield items.slice(Math.max(0, from - start));
    }
  }
  return {
    found: {
      form: "text",
      encoding: isOther ? detected : encoding,
      dialect: null,
      columns: [],
      mapping: null,
    },
    batches: read(),
  };
}

const describeOther = (encoding: Encoding): string =>
  `is not UTF-8 but ${formatEncoding(encoding)}, so the file was left out; set its encoding to ${encoding} to have it converted`;

/** Text in pieces that end between characters. */
async function* decode(
  head: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
  encoding: Encoding,
): AsyncGenerator<string> {
  const decoding = new TextDecoding(encoding);
  for (let next = head; !next.done; next = await rest.next()) yield decoding.decode(next.value);
  yield decoding.end();
}

/** The items of each block of a text. */
async function* readPassages(
  pieces: AsyncIterable<string>,
  { chunkTokens, chunkOverlap }: TextReading,
  encoding: Encoding,
  fileName: string,
  countTokens: (word: string) => number,
): AsyncGenerator<CorpusItem[]> {
  const title = createTitleTracker(fileName);
  let passages = 0;
  let line = 1;
  let brokenLine = 0;
  for await (const block of readBlocks(pieces)) {
    if (block.first && isBinary(block.text)) {
      yield [{ line, record: null, problem: NOT_TEXT }];
      return;
    }
    const items: CorpusItem[] = [];
    for (const broken of findInvalidLines(block.text, line)) {
      // The line may have begun in the block before.
      if (broken === brokenLine) continue;
      brokenLine = broken;
      items.push({ line: broken, record: null, problem: describeInvalid(encoding) });
    }
    const text = block.text.replaceAll(INVALID, REPLACEMENT);
    const chunks = splitIntoChunks(text, { chunkTokens, chunkOverlap, countTokens });
    // A block that is no more than one passage is given whole: carried over, it would come again and again.
    const rest = block.last || chunks.length < 2 ? undefined : chunks.at(-1);
    const titleAt = title.in(text);
    const lineAt = createLineCounter(text, line);
    for (const { start, end } of rest ? chunks.slice(0, -1) : chunks) {
      const record = {
        id: `${fileName}#${++passages}`,
        title: titleAt(start),
        text: text.slice(start, end).trim(),
      };
      items.push({ line: lineAt(start), record, problem: null });
    }
    // What was not given begins the next block, so that the chunks are those of the whole text.
    const end = rest?.start ?? text.length;
    title.leave(titleAt(end - 1));
    line = lineAt(end);
    block.carry(text.slice(end));
    yield items;
  }
}

const describeInvalid = (encoding: Encoding): string =>
  `holds bytes that are not ${formatEncoding(encoding)}: they were left out, ${REPLACEMENT} stands for them in the passage; set the file's encoding, or convert it to UTF-8, to have them`;
const NOT_TEXT = "is binary, not text, so the file was left out";

/** Whether a text is none: as for git, null characters near its beginning tell, here where it is no UTF-8 either. */
function isBinary(text: string): boolean {
  const head = text.slice(0, 8000);
  return head.includes("\0") && head.includes(INVALID);
}

/** The lines of a text that hold what was not UTF-8, each once; `first` is the number of its first. */
function* findInvalidLines(text: string, first: number): Generator<number> {
  const lineAt = createLineCounter(text, first);
  let told = 0;
  for (let at = text.indexOf(INVALID); at >= 0; at = text.indexOf(INVALID, at + 1)) {
    const line = lineAt(at);
    if (line !== told) yield line;
    told = line;
  }
}

/** Tells on which line a position is, of positions that do not fall; `first` is the number of the text's first line. */
function createLineCounter(text: string, first: number): (position: number) => number {
  let line = first;
  let end = text.indexOf("\n");
  return (position) => {
    for (; end >= 0 && end < position; end = text.indexOf("\n", end + 1)) line += 1;
    return line;
  };
}

interface Block {
  text: string;
  first: boolean;
  last: boolean;
  /** Puts text before the next block. */
  carry(text: string): void;
}

/** Text in blocks that end at white space, where there is any soon; the same ones however the stream is cut. */
async function* readBlocks(pieces: AsyncIterable<string>): AsyncGenerator<Block> {
  let waiting = "";
  let first = true;
  const block = (text: string, last: boolean): Block => ({
    text,
    first,
    last,
    carry: (carried) => void (waiting = carried + waiting),
  });
  for await (const more of pieces) {
    waiting += more;
    while (waiting.length >= 2 * BLOCK_CHARACTERS) {
      const cut = findEdgeAfter(waiting.slice(0, 2 * BLOCK_CHARACTERS), BLOCK_CHARACTERS);
      const text = waiting.slice(0, cut);
      waiting = waiting.slice(cut);
      yield block(text, false);
      first = false;
    }
  }
  const text = waiting;
  waiting = "";
  yield block(text, true);
}

/**
 * The end of the first run of white space after `position`; a text without any is cut there, but never within a
 * character.
 */
function findEdgeAfter(text: string, position: number): number {
  const pattern = /\s(?=\S)/g;
  pattern.lastIndex = position;
  const found = pattern.exec(text);
  return found ? found.index + 1 : alignToCharacter(text, position);
}

/** The position, or the one after it where it is within a character. */
function alignToCharacter(text: string, position: number): number {
  const code = text.charCodeAt(position);
  return code >= 0xdc00 && code <= 0xdfff ? position + 1 : position;
}

/** A heading of Markdown. Its closing #s are taken off by hand: a pattern for them takes forever where spaces abound. */
const HEADING = /^ {0,3}#{1,6}[^\S\n]+(.*)$/gm;

function parseHeading(heading: string): string {
  let title = heading.trim();
  let end = title.length;
  while (title[end - 1] === "#") end -= 1;
  title = title.slice(0, end).trimEnd();
  return title.length > TITLE_CHARACTERS
    ? title.slice(0, alignToCharacter(title, TITLE_CHARACTERS))
    : title;
}

/** Titles of passages by where they start in a block: the file's name, in Markdown the last heading at or before them. */
function createTitleTracker(fileName: string): {
  in(text: string): (position: number) => string;
  leave(title: string): void;
} {
  let before = fileName.replace(/\.gz$/, "").replace(/\.[^./]+$/, "");
  if (!/\.(md|markdown|mdx)(\.gz)?$/i.test(fileName))
    return { in: () => () => before, leave: () => undefined };
  return {
    in: (text) => {
      const headings = [...text.matchAll(HEADING)]
        .map((match) => ({ start: match.index, title: parseHeading(match[1] ?? "") }))
        .filter((heading) => heading.title !== "");
      return (position) => headings.findLast(({ start }) => start <= position)?.title ?? before;
    },
    leave: (title) => void (before = title),
  };
}

/** Made once, for reading a tokenizer takes longer than reading a small file. */
let counter: Promise<(word: string) => number> | null = null;

/** Counts the tokens of a word by the default encoder's tokenizer. @throws AppError "not-found" where it is not installed */
function getTokenCounter(): Promise<(word: string) => number> {
  counter ??= loadTokenCounter().catch((error: unknown) => {
    counter = null;
    throw error;
  });
  return counter;
}

async function loadTokenCounter(): Promise<(word: string) => number> {
  const folder = getModelDir(DEFAULT_ENCODER);
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path))
    throw new AppError(
      "not-found",
      `The encoder ${DEFAULT_ENCODER} is not installed, whose tokenizer counts the tokens of passages: \`npm start\` installs it.`,
    );
  const tokenizer = await TextTokenizer.load(
    path,
    join(folder, "tokenizer_config.json"),
    Number.MAX_SAFE_INTEGER,
  );
  const special = tokenizer.encode("").length;
  const known = new Map<string, number>();
  return (word) => {
    if (word.length > WORD_CHARACTERS) return [...word].length;
    const remembered = known.get(word);
    if (remembered !== undefined) return remembered;
    const count = tokenizer.encode(word).length - special;
    if (word.length > REMEMBERED_CHARACTERS) return count;
    if (known.size >= REMEMBERED_WORDS) known.clear();
    // A copy: a part of a string keeps all of it in memory, here the block.
    known.set(Buffer.from(word, "utf16le").toString("utf16le"), count);
    return count;
  };
}
