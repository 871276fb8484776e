import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";
import { SHARED_DIR } from "@/lib/testing/shared";
import tests from "./rows.json";

/** Each row of the table of upstream's behaviour has a test: rows.json says which, by section, file and title. */

const REFERENCE = join(SHARED_DIR, "reference", "upstream-differences.md");
const isAbsent = !existsSync(REFERENCE);

/** The rows of a section's tables by their first cell, and the items of its lists. */
function listRows(section: string): string[] {
  const lines = section.split("\n");
  return lines.flatMap((line, i) => {
    if (line.startsWith("- ")) return [line];
    const isHeading = line.startsWith("|---") || lines[i + 1]?.startsWith("|---");
    return line.startsWith("|") && !isHeading ? [line.slice(1).split(" | ")[0]!.trim()] : [];
  });
}

const sections = isAbsent
  ? []
  : readFileSync(REFERENCE, "utf8")
      .split(/^## /m)
      .slice(1)
      .map((section) => ({ name: section.split(" ")[0]!, rows: listRows(section) }));

/** Section, file, title and rows of every entry. */
const entries = Object.entries(
  tests as Record<string, Record<string, Record<string, string[]>>>,
).flatMap(([section, files]) =>
  Object.entries(files).flatMap(([file, titles]) =>
    Object.entries(titles).map(([title, rows]) => ({ section, file, title, rows })),
  ),
);

/** A row of a table by its whole first cell, an item of a list by its beginning. */
const isNamed = (row: string, name: string): boolean =>
  name === "*" || row === name || (name.startsWith("- ") && row.startsWith(name));

describe(`the table of upstream's behaviour${isAbsent ? " (skipped: ../shared/reference is absent)" : ""}`, () => {
  it.skipIf(isAbsent)("has a test for every row", () => {
    expect(sections.flatMap(({ rows }) => rows).length).toBeGreaterThan(230);
    const missing = sections.flatMap(({ name, rows }) => {
      const named = entries.filter(({ section }) => section === name).flatMap((one) => one.rows);
      return rows.filter((row) => !named.some((each) => isNamed(row, each)));
    });
    expect(missing).toEqual([]);
  });

  it.skipIf(isAbsent)("has every row that a test is named for", () => {
    const unknown = entries.flatMap(({ section, rows }) => {
      const known = sections.find(({ name }) => name === section)?.rows ?? [];
      return rows.filter((name) => !known.some((row) => isNamed(row, name)));
    });
    expect(unknown).toEqual([]);
  });

  it.each(entries)("$section: $file holds “$title”", ({ file, title }) =>
    expect(readFileSync(join(ROOT, file), "utf8")).toContain(title),
  );
});
