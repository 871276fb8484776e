import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";
import { GLOSSARY, GLOSSARY_SECTIONS } from "./glossary";
import type { GlossaryEntry } from "./glossary-entry";

const entries: [string, GlossaryEntry][] = Object.entries(GLOSSARY);
/** A path of the repository in a source. */
const SOURCE_FILE = /[\w-]+(?:\/[\w.-]+)+\.(?:py|tsx?)\b/g;

it("every term stands in one section, and is named and explained", () => {
  const listed = GLOSSARY_SECTIONS.flatMap(({ terms }) => Object.keys(terms));
  expect(listed.toSorted()).toEqual(entries.map(([term]) => term).toSorted());
  for (const [term, { title, text }] of entries) {
    expect(title, term).not.toBe("");
    expect(text.split(" ").length, `${term} is no explanation`).toBeGreaterThan(1);
  }
});

it("every term has a formula or a source, and a file that a source names is there", () => {
  const bare = entries.filter(([, { formula, source }]) => !formula && !source);
  expect(bare.map(([term]) => term)).toEqual([]);
  const files = entries.flatMap(([, { source = "" }]) => source.match(SOURCE_FILE) ?? []);
  expect(files.length).toBeGreaterThan(30);
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});
