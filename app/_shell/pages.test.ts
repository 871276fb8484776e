import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { findPage, PAGES } from "./pages";

it("finds the page of an address, also below it", () => {
  expect(findPage("/")?.label).toBe("Home");
  expect(findPage("/runs/new")?.label).toBe("New run");
  expect(findPage("/runs/1b2c/episodes/3")?.label).toBe("Runs");
  expect(findPage("/runsome")).toBeUndefined();
});

it("leads to pages that exist, each once", () => {
  expect(new Set(PAGES.map(({ href }) => href)).size).toBe(PAGES.length);
  for (const { href } of PAGES)
    expect(existsSync(`app${href === "/" ? "" : href}/page.tsx`), href).toBe(true);
});
