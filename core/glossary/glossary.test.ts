import { expect, it } from "vitest";
import { GLOSSARY, GLOSSARY_SECTIONS } from "./glossary";
import type { GlossaryEntry } from "./glossary-entry";

const entries: [string, GlossaryEntry][] = Object.entries(GLOSSARY);

it("every term stands in one section, and is named and explained", () => {
  const listed = GLOSSARY_SECTIONS.flatMap(({ terms }) => Object.keys(terms));
  expect(listed.toSorted()).toEqual(entries.map(([term]) => term).toSorted());
  for (const [term, { title, text }] of entries) {
    expect(title, term).not.toBe("");
    expect(text.split(" ").length, `${term} is no explanation`).toBeGreaterThan(1);
  }
});
