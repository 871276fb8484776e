import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";

const MOST_WORDS = 80;

/**
 * Paragraphs of a Markdown text with the line, counted from 1, that each begins at. A list item is a paragraph of its
 * own; code blocks, tables, headings and targets of links are none.
 */
function readParagraphs(markdown: string): { line: number; text: string }[] {
  const paragraphs: { line: number; text: string }[] = [];
  let open: { line: number; text: string } | undefined;
  let fence: string | undefined;
  for (const [index, whole] of markdown.split("\n").entries()) {
    const text = whole.replace(/^[\s>]+/, "");
    const marker = /^(?:```|~~~)/.exec(text)?.[0];
    const isCode = fence !== undefined || marker !== undefined;
    if (marker && (fence === undefined || fence === marker))
      fence = fence === undefined ? marker : undefined;
    if (isCode || text === "" || /^(?:\||#{1,6} |<!--|\[[^\]]+\]: )/.test(text)) open = undefined;
    else if (open === undefined || /^(?:[-*+]|\d+[.)]) /.test(text))
      paragraphs.push((open = { line: index + 1, text }));
    else open.text += ` ${text}`;
  }
  return paragraphs;
}

const countWords = (text: string): number => text.split(/\s+/).length;

it("finds a paragraph and a list item, and passes over code and tables", () => {
  const text =
    "# A\n\none two\nthree\n\n- four\n  five\n- six\n\n```sh\nseven\n\n- eight\n```\n| nine |\n";
  expect(readParagraphs(text)).toEqual([
    { line: 3, text: "one two three" },
    { line: 6, text: "- four five" },
    { line: 8, text: "- six" },
  ]);
});

// Chinese is written without white space between words.
const PAGES = [
  "CONTRIBUTING.md",
  "README.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md") && !path.endsWith(".zh.md"))
    .map((path) => `docs/${path}`),
];

it(`no paragraph of the documents passes ${MOST_WORDS} words`, () => {
  expect(PAGES.length).toBeGreaterThan(20);
  const long = PAGES.toSorted().flatMap((path) =>
    readParagraphs(readFileSync(join(ROOT, path), "utf8"))
      .filter(({ text }) => countWords(text) > MOST_WORDS)
      .map(({ line, text }) => `${path}:${line} has ${countWords(text)} words`),
  );
  expect(long).toEqual([]);
});
