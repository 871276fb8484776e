import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { twMerge } from "tailwind-merge";
import { expect, it } from "vitest";
import { resolveInRoot } from "@/lib/paths.mjs";
import { cn } from "./cn";

/** What may be a class, without what stands before it: "size-3" of "md:size-3". */
const CLASS = /(?<![\w[(-])[a-z-][a-z]*(?:-[\w.%/-]+|-?\[[^\s\]]*\]|-?\([^\s)]*\))*(?![\w:])/g;

/** Whatever stands in the pages' source and is a class to the library. */
function listClasses(): string[] {
  const folder = resolveInRoot("app");
  const words = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".tsx") && !name.includes(".test."))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").match(CLASS) ?? []);
  return [...new Set(words)].filter((word) => twMerge(`${word} ${word}`) === word);
}

it(
  "merges every two classes of the pages as the library's table of all classes does",
  { tags: "long" },
  () => {
    const classes = listClasses();
    expect(classes.length).toBeGreaterThan(400);
    const different = classes.flatMap((one) =>
      classes
        .filter((other) => other !== one)
        .map((other) => `${one} ${other}`)
        .filter((both) => cn(both) !== twMerge(both)),
    );
    expect(different.slice(0, 50)).toEqual([]);
  },
);

it.each([
  ["px-2 p-4", "p-4"],
  ["p-4 px-2", "p-4 px-2"],
  ["h-8 md:h-9 h-7", "md:h-9 h-7"],
  ["text-xs text-bad text-2xs", "text-bad text-2xs"],
])("merges %s", (given, merged) => expect(cn(given)).toBe(merged));
