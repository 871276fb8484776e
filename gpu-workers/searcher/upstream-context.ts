import { hashDocument } from "@/core/episode/document-hash";
import { parseUpstreamIds, readDigits } from "@/core/upstream/selection-ids";
import { escapeSpecialTokens } from "@/gpu-workers/llm/prompts/escape-text";
import type { RankedDocument } from "@/gpu-workers/retrieval/retriever";

/**
 * Windows of documents as the released code of s3 writes them, and what it hands to the generator, which it reads out of
 * the text of the whole conversation (verl/utils/reward_score/rag_2.py), defects included. Pure. By name:
 * - order: windows with a selection first, in the order of the selections, then those without one, whole
 * - one text is one document, whatever its titles
 * - titles: one that holds a bracket is cut there, one that is empty or holds a quotation mark loses its document
 * - tags within documents and documents within the searcher's text are taken for what they look like
 * - a window that was cut runs on into the next one
 */

/** A document in a window's text. */
interface WrittenDocument {
  number: number;
  title: string;
  text: string;
}

/** A document that is handed over; its score is null where no search found it. */
export type ContextDocument = Omit<RankedDocument, "score"> & { score: number | null };

/** What a window is rendered from. */
type Titled = Pick<RankedDocument, "title" | "text">;

/**
 * A document's first line and the rest. A title stands in quotation marks on a line of its own before the text, as in the
 * released corpora; a document without one begins with its text.
 */
function splitContents({ title, text }: Titled): { head: string; rest: string } {
  const contents = escapeSpecialTokens(title === "" ? text : `"${title}"\n${text}`);
  const end = contents.indexOf("\n");
  return end < 0
    ? { head: contents, rest: "" }
    : { head: contents.slice(0, end), rest: contents.slice(end + 1) };
}

/** The documents of a window on lines of their own; the first window has a space before the bracket. */
function renderLines(documents: readonly Titled[], first: boolean): string {
  return documents
    .map((document, i) => {
      const { head, rest } = splitContents(document);
      return `Doc ${i + 1}${first ? " " : ""}(Title: ${head}) ${rest}\n`;
    })
    .join("")
    .trim();
}

/** The first window, as it stands in the prompt. */
export const renderUpstreamFirstWindow = (documents: readonly Titled[]): string =>
  `<information>\n${renderLines(documents, true)}\n</information>`;

/** A later window, as it is appended to the conversation. */
export const renderUpstreamWindow = (documents: readonly Titled[]): string =>
  `\n\n<information>${renderLines(documents, false)}</information>\n\n`;

/** Every document that the conversation hands to the generator, in order. */
function extractUpstreamDocuments(conversation: string): WrittenDocument[] {
  const windows = listBlocks(conversation, "information").map((block) => ({
    ...block,
    used: false,
  }));
  const taken: WrittenDocument[] = [];
  const seen = new Set<string>();
  const take = (documents: readonly WrittenDocument[]): void => {
    for (const document of documents) {
      if (seen.has(document.text)) continue;
      seen.add(document.text);
      taken.push(document);
    }
  };
  for (const selection of listBlocks(conversation, "important_info")) {
    const window = windows.findLast(({ start }) => start < selection.start);
    if (!window || window.used) continue;
    window.used = true;
    const ids = new Set(parseUpstreamIds(selection.content));
    take(readDocuments(window.content).filter(({ number }) => ids.has(number)));
  }
  for (const { used, content } of windows) if (!used) take(readDocuments(content));
  return taken;
}

/** All closed blocks of a tag, one after another; what is opened within a block belongs to its content. */
function listBlocks(text: string, tag: string): { start: number; content: string }[] {
  const [opening, closing] = [`<${tag}>`, `</${tag}>`];
  const blocks: { start: number; content: string }[] = [];
  for (let start = text.indexOf(opening); start >= 0;) {
    const end = text.indexOf(closing, start + opening.length);
    if (end < 0) break;
    blocks.push({ start, content: text.slice(start + opening.length, end) });
    start = text.indexOf(opening, end + closing.length);
  }
  return blocks;
}

const DOCUMENT_HEAD = /Doc\s*(\p{Nd}+)\s*\(\s*Title\s*:/giu;
const SPACES = /\s*/y;
const TITLE_END = /[")]/g;

/**
 * The title behind a head, and where its text begins; null where it cannot be read. A title is without bracket or quotation
 * mark, in quotation marks or not, up to its bracket. Written out, because a pattern that tries every space as a part of
 * the title takes seconds for some thousand spaces.
 */
function readTitle(content: string, at: number): { title: string; begin: number } | null {
  const skipSpaces = (from: number): number => {
    SPACES.lastIndex = from;
    SPACES.test(content);
    return SPACES.lastIndex;
  };
  const close = (from: number): number | null => {
    const bracket = content[from] === '"' ? from + 1 : from;
    return content[bracket] === ")" ? skipSpaces(bracket + 1) : null;
  };
  const spaced = skipSpaces(at);
  const start = content[spaced] === '"' ? spaced + 1 : spaced;
  TITLE_END.lastIndex = start;
  const end = TITLE_END.exec(content)?.index ?? content.length;
  const begin = end > start ? close(end) : null;
  if (begin !== null) return { title: content.slice(start, end).trim(), begin };
  // The spaces alone are the title then.
  const blank = spaced > at ? close(spaced) : null;
  return blank === null ? null : { title: "", begin: blank };
}

/** The documents of a window's text. A head whose title cannot be read is skipped with what follows it. */
function readDocuments(content: string): WrittenDocument[] {
  const heads = [...content.matchAll(DOCUMENT_HEAD)];
  const documents: WrittenDocument[] = [];
  let read = 0;
  for (const [i, head] of heads.entries()) {
    const found = head.index < read ? null : readTitle(content, head.index + head[0].length);
    if (!found) continue;
    const { title, begin } = found;
    read = heads.slice(i + 1).find(({ index }) => index >= begin)?.index ?? content.length;
    documents.push({
      number: readDigits(head[1]!),
      title,
      text: content.slice(begin, read).trim(),
    });
  }
  return documents;
}

/**
 * The documents that the generator is given, in order.
 *
 * @param conversation the text of all windows and turns, from the first window on
 * @param windows the documents that were shown; a document that comes through unharmed is handed over as it is, one that
 *   is cut or has lost part of its title under its own id, one that was never shown under an id that says so
 */
export function listUpstreamContext(
  conversation: string,
  windows: readonly (readonly ContextDocument[])[],
): ContextDocument[] {
  const shown = windows.flat();
  const known = new Map<string, ContextDocument>();
  const pieces = shown.map((document) => readDocuments(renderLines([document], true)));
  for (const [i, document] of shown.entries())
    for (const piece of pieces[i]!) {
      const key = toKey(piece);
      if (!known.has(key))
        known.set(key, isWhole(document, piece) ? document : replaceContent(document, piece));
    }
  let written = 0;
  return extractUpstreamDocuments(conversation).map((piece) => {
    const source = known.get(toKey(piece)) ?? shown.find((_, i) => isCut(pieces[i]![0], piece));
    if (source) return known.has(toKey(piece)) ? source : replaceContent(source, piece);
    written += 1;
    return {
      id: `written-by-searcher-${written}`,
      hash: hashDocument(piece),
      score: null,
      ...pick(piece),
    };
  });
}

const toKey = ({ title, text }: Titled): string => JSON.stringify([title, text]);
const pick = ({ title, text }: Titled): Titled => ({ title, text });

const replaceContent = (document: ContextDocument, piece: Titled): ContextDocument => ({
  ...document,
  ...pick(piece),
  hash: hashDocument(piece),
});

/** Whether what was read is the document itself, but for space around it and broken special tokens. */
const isWhole = ({ title, text }: Titled, piece: Titled): boolean =>
  escapeSpecialTokens(title).trim() === piece.title &&
  escapeSpecialTokens(text).trim() === piece.text;

/** Characters by which a document is known of which only a part was read. */
const KNOWN_BY = 40;

/**
 * What a window that was cut runs on into: the searcher's turn. A token that was cut within a character leaves a sign
 * for it.
 */
const TURN = /^\uFFFD*\s*<(?:important_info|search_complete|query|think|\||information)/;

/** Whether a piece is the beginning of a document, or a few of its words and what stands behind the cut. */
function isCut(whole: Titled | undefined, piece: Titled): boolean {
  if (whole?.title !== piece.title) return false;
  let length = 0;
  while (length < piece.text.length && whole.text[length] === piece.text[length]) length += 1;
  if (TURN.test(piece.text.slice(length))) return true;
  return length > 0 && (length >= KNOWN_BY || length === piece.text.length);
}
