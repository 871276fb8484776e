import { beforeEach, expect, it } from "vitest";
import { isMissingScript, reloadOnce } from "./missing-script";

beforeEach(() => window.sessionStorage.clear());

it("tells scripts that could not be loaded from other errors", () => {
  const chunk = Object.assign(new Error("Failed to load chunk /a.js"), { name: "ChunkLoadError" });
  expect(isMissingScript(chunk)).toBe(true);
  expect(isMissingScript(new TypeError("Failed to fetch dynamically imported module: /a.js"))).toBe(
    true,
  );
  expect(isMissingScript(new Error("x is not a function"))).toBe(false);
  expect(isMissingScript("ChunkLoadError")).toBe(false);
});

it("loads the page anew once, and again only when it has worked meanwhile", () => {
  let reloads = 0;
  const at = (now: number) => reloadOnce(() => void reloads++, now);
  at(1_000_000);
  at(1_002_000);
  expect(reloads).toBe(1);
  at(1_200_000);
  expect(reloads).toBe(2);
});
