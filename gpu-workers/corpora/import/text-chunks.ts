import { split } from "llm-splitter";

/** A passage of a text: where it starts and ends, in UTF-16 units. */
export interface Chunk {
  start: number;
  end: number;
}

export interface ChunkOptions {
  /** Tokens of the longest chunk, and those that neighbours share. */
  chunkTokens: number;
  chunkOverlap: number;
  /** Tokens of a word by the encoder's tokenizer, without special tokens. */
  countTokens: (word: string) => number;
}

/** What a tokenizer takes as a word at most: letters and digits run together, everything else stands alone. */
const WORD = /[\p{L}\p{N}\p{M}]+|[^\s]/gu;

/**
 * Cuts a text into chunks of at most `chunkTokens` tokens, neighbours of which share `chunkOverlap` tokens, less what
 * keeps words whole at their edges. Every character that is not white space is in a chunk. A word is cut only where the
 * overlap is too short to keep it whole in the next chunk, or where it alone is longer than a chunk.
 *
 * llm-splitter places the windows. It wants a part of the text for each token; a tokenizer that lower-cases or marks
 * the inside of words gives none, so a word of n tokens is offered as n parts of it.
 */
export function splitIntoChunks(
  text: string,
  { chunkTokens, chunkOverlap, countTokens }: ChunkOptions,
): Chunk[] {
  const words: Chunk[] = [];
  const parts: { text: string; start: number }[] = [];
  for (const match of text.matchAll(WORD)) {
    const [word] = match;
    words.push({ start: match.index, end: match.index + word.length });
    for (const part of splitWord(word, countTokens(word)))
      parts.push({ text: part.text, start: match.index + part.start });
  }
  if (parts.length === 0) return [];
  const windows = split(text, {
    chunkSize: chunkTokens,
    chunkOverlap: Math.min(chunkOverlap, chunkTokens - 1),
    splitter: () => parts,
  });
  return limitTokens(alignToWords(windows, words), text, words, chunkTokens, countTokens);
}

/** Cuts a word into `count` parts, or into its characters where it has fewer: the tokens of a rare script may outnumber them. */
function splitWord(word: string, count: number): { text: string; start: number }[] {
  const characters = [...word];
  const wanted = Math.max(1, Math.min(count, characters.length));
  const parts: { text: string; start: number }[] = [];
  let start = 0;
  for (let i = 0; i < wanted; i++) {
    const text = characters
      .slice(
        Math.floor((i * characters.length) / wanted),
        Math.floor(((i + 1) * characters.length) / wanted),
      )
      .join("");
    parts.push({ text, start });
    start += text.length;
  }
  return parts;
}

/** Draws the windows in to the words' edges, wherever the neighbour still holds what is given up. */
function alignToWords(windows: readonly Chunk[], words: readonly Chunk[]): Chunk[] {
  const chunks = windows.map(({ start, end }) => ({ start, end }));
  for (let i = 0; i + 1 < chunks.length; i++) {
    const chunk = chunks[i];
    const next = chunks[i + 1];
    if (!chunk || !next) break;
    const cut = findWordAround(words, chunk.end);
    const begun = findWordAround(words, next.start);
    const end = cut ? cut.start : chunk.end;
    const start = words[findFirstWord(words, begun ? begun.end : next.start)]?.start ?? next.start;
    // Nothing but white space may lie between them, and each must bring something new.
    if (
      findFirstWord(words, start) <= findFirstWord(words, end) &&
      end > chunk.start &&
      start > chunk.start
    ) {
      chunk.end = end;
      next.start = start;
    } else if (cut && next.start <= cut.start && cut.start > chunk.start) {
      chunk.end = cut.start;
    }
  }
  // Where the stride is shorter than a word, a chunk may come to lie within the one after it.
  return chunks.filter(({ start, end }, i) => {
    const next = chunks[i + 1];
    return next === undefined || next.start > start || next.end < end;
  });
}

/**
 * Leaves to the next chunk what is too much for one: the pieces of a cut word may have more tokens than the word, and the
 * tokens of a rare script are more than its characters.
 */
function limitTokens(
  chunks: readonly Chunk[],
  text: string,
  words: readonly Chunk[],
  limit: number,
  countTokens: (word: string) => number,
): Chunk[] {
  const cutPiece = ({ start, end }: Chunk, chunk: Chunk): string =>
    text.slice(Math.max(start, chunk.start), Math.min(end, chunk.end));
  const fitting = (chunk: Chunk): number => {
    let tokens = 0;
    for (
      let i = findFirstWord(words, chunk.start) - (findWordAround(words, chunk.start) ? 1 : 0);
      i < words.length;
      i++
    ) {
      const word = words[i];
      if (!word || word.start >= chunk.end) break;
      const characters = [...cutPiece(word, chunk)];
      tokens += countTokens(characters.join(""));
      if (tokens <= limit) continue;
      if (word.start > chunk.start) return words[i - 1]?.end ?? chunk.end;
      while (characters.length > 1 && countTokens(characters.join("")) > limit) characters.pop();
      return chunk.start + characters.join("").length;
    }
    return chunk.end;
  };
  const kept: Chunk[] = [];
  const left = chunks.map(({ start, end }) => ({ start, end }));
  for (let i = 0; i < left.length; i++) {
    const chunk = left[i];
    if (!chunk) break;
    const end = fitting(chunk);
    kept.push({ start: chunk.start, end });
    if (end === chunk.end) continue;
    const next = left[i + 1];
    const start = findWordAround(words, end)
      ? end
      : (words[findFirstWord(words, end)]?.start ?? end);
    if (!next) left.push({ start, end: chunk.end });
    else if (next.start > start) next.start = start;
  }
  return kept;
}

/** The word that has this position inside it, not at its edge. */
function findWordAround(words: readonly Chunk[], position: number): Chunk | undefined {
  const word = words[findFirstWord(words, position) - 1];
  return word && word.start < position && position < word.end ? word : undefined;
}

/** Index of the first word that starts at or after a position. */
function findFirstWord(words: readonly Chunk[], position: number): number {
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((words[middle]?.start ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
