import { existsSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { modelDir } from "@/contracts/paths";
import { TextTokenizer } from "../retrieval/tokenizer";
import { openBytes } from "./bytes";
import { chunksOf } from "./chunks";
import type { Item, Reader } from "./item";

/** The encoder whose tokenizer counts: the default of a retriever. */
const DEFAULT_ENCODER = "minilm";
/** A file is cut in blocks of about this many characters; a block's last chunk begins the next. */
const BLOCK_CHARACTERS = 256 * 1024;
/** Words whose number of tokens is remembered. */
const REMEMBERED_WORDS = 50_000;

/**
 * Plain text or Markdown, cut into passages of so many tokens that share some with their neighbours. The title of a
 * passage is the heading it stands under, or the file's name; its id is the file's name and its number. Read from the
 * beginning every time.
 */
export const readText: Reader = async function* (file, from, { chunkTokens, chunkOverlap }) {
  if (chunkOverlap >= chunkTokens) throw new AppError("invalid-input", `The overlap (${chunkOverlap} tokens) must be shorter than a passage (${chunkTokens} tokens).`);
  const tokensOf = await wordCounter();
  const bytes = await openBytes(file);
  const title = titles(file.name);
  let item = 0;
  const passage = (text: string, under: string): Item => ({ place: { item, offset: bytes.consumed() }, record: { id: `${file.name}#${item}`, title: under, text }, problem: null });
  for await (const block of blocksOf(bytes.stream)) {
    if (block.problem !== null) {
      item += 1;
      if (item > from.item) yield { place: { item, offset: bytes.consumed() }, record: null, problem: block.problem };
      continue;
    }
    const chunks = chunksOf(block.text, { chunkTokens, chunkOverlap, tokensOf });
    const kept = block.last ? chunks : chunks.slice(0, -1);
    const titleAt = title.in(block.text);
    for (const { start, end } of kept) {
      const under = titleAt(start);
      item += 1;
      if (item > from.item) yield passage(block.text.slice(start, end).trim(), under);
    }
    // What was not given begins the next block, so that the chunks are those of the whole text.
    const rest = block.last ? undefined : chunks.at(-1);
    title.leave(titleAt((rest?.start ?? block.text.length) - 1));
    block.carry(rest === undefined ? "" : block.text.slice(rest.start));
  }
};

interface Block {
  text: string;
  last: boolean;
  problem: string | null;
  /** Puts text before the next block. */
  carry(text: string): void;
}

/** Text in blocks that end at white space, wherever there is any. */
async function* blocksOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Block> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let waiting = "";
  const block = (text: string, last: boolean): Block => ({ text, last, problem: null, carry: (carried) => void (waiting = carried + waiting) });
  try {
    for await (const chunk of stream) {
      waiting += decoder.decode(chunk, { stream: true });
      while (waiting.length >= 2 * BLOCK_CHARACTERS) {
        const cut = edgeAfter(waiting, BLOCK_CHARACTERS);
        const text = waiting.slice(0, cut);
        waiting = waiting.slice(cut);
        yield block(text, false);
      }
    }
    waiting += decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // What was read until then is good; the rest of the file has no known boundaries.
    const text = waiting;
    waiting = "";
    yield block(text, true);
    yield { ...block("", true), problem: "is not valid UTF-8; the rest of this file was left out" };
    return;
  }
  const text = waiting;
  waiting = "";
  yield block(text, true);
}

/** The end of the first run of white space after `position`; a text without any is cut there, but never within a character. */
function edgeAfter(text: string, position: number): number {
  const pattern = /\s(?=\S)/g;
  pattern.lastIndex = position;
  const found = pattern.exec(text);
  if (found) return found.index + 1;
  const code = text.charCodeAt(position);
  return code >= 0xdc00 && code <= 0xdfff ? position + 1 : position;
}

const HEADING = /^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$/gm;

/** Titles of passages by where they start in a block: the file's name, in Markdown the last heading at or before them. */
function titles(fileName: string): { in(text: string): (position: number) => string; leave(title: string): void } {
  let before = fileName.replace(/\.gz$/, "").replace(/\.[^./]+$/, "");
  if (!/\.(md|markdown|mdx)(\.gz)?$/i.test(fileName)) return { in: () => () => before, leave: () => undefined };
  return {
    in: (text) => {
      const headings = [...text.matchAll(HEADING)].map((match) => ({ start: match.index, title: match[1] ?? before }));
      return (position) => headings.findLast(({ start }) => start <= position)?.title ?? before;
    },
    leave: (title) => void (before = title),
  };
}

/** Counts the tokens of a word by the default encoder's tokenizer; without one installed, a word is one token. */
async function wordCounter(): Promise<(word: string) => number> {
  const folder = modelDir(DEFAULT_ENCODER);
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path)) throw new AppError("not-found", `The encoder ${DEFAULT_ENCODER} is not installed, whose tokenizer counts the tokens of passages: \`npm start\` installs it.`);
  const tokenizer = await TextTokenizer.load(path, join(folder, "tokenizer_config.json"), Number.MAX_SAFE_INTEGER);
  const special = tokenizer.encode("").length;
  const known = new Map<string, number>();
  return (word) => {
    const remembered = known.get(word);
    if (remembered !== undefined) return remembered;
    const count = tokenizer.encode(word).length - special;
    if (known.size >= REMEMBERED_WORDS) known.clear();
    known.set(word, count);
    return count;
  };
}
