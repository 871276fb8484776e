import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ROOT } from "./paths.mjs";

/** A module as packages publish it: its map says that its code is that of another file. */
const MAP = { version: 3, sources: ["another.ts"], names: [], mappings: "AAAA" };
const PACKAGE = `exports.read = () => new Error("of the package").stack;
//# sourceMappingURL=package.cjs.map`;
const OURS = `import { createRequire } from "node:module";

interface Package {
  read: () => string;
}
const { read } = createRequire(import.meta.url)("./package.cjs") as Package;
const stack = new Error("of ours").stack;
console.log(JSON.stringify({ ofPackage: read(), ofOurs: stack }));
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "source-maps-"));
  writeFileSync(join(folder, "package.cjs"), PACKAGE);
  writeFileSync(join(folder, "package.cjs.map"), JSON.stringify(MAP));
  writeFileSync(join(folder, "ours.mts"), OURS);
});
afterAll(() => rmSync(folder, { recursive: true }));

function readStacks(...preloads: string[]): { ofPackage: string; ofOurs: string } {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...preloads.flatMap((file) => ["--import", file]), join(folder, "ours.mts")],
    { cwd: ROOT, encoding: "utf8" },
  );
  expect(stderr).toBe("");
  return JSON.parse(stdout) as { ofPackage: string; ofOurs: string };
}

it("a stack names the lines of our TypeScript, and no map of a package is read", () => {
  const { ofPackage, ofOurs } = readStacks(join(ROOT, "lib", "own-source-maps.mjs"), "tsx");
  expect(ofOurs).toContain("ours.mts:7:");
  expect(ofPackage).toContain("package.cjs:1:");
  expect(ofPackage).not.toContain("another.ts");
  expect(ofPackage).toContain("ours.mts:8:");
});

it("without it the maps of packages are read", () => {
  expect(readStacks("tsx").ofPackage).toContain("another.ts");
});
