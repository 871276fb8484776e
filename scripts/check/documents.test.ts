import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";

const PRODUCT = ["app", "cli", "gpu-workers", "lib", "scripts", "server"];
const PATH =
  /`((?:app|bench|cli|contracts|core|docs|e2e|gpu-workers|lib|prisma|public|scripts|server)\/[\w.[\]/-]+)`/g;
const VARIABLE = /\b(?:S3|HF)_[A-Z0-9_]+\b/g;

/** What one process of the product sets for another. */
const INTERNAL = /^S3_(DEV|ENGINE_SECRET|HEARTBEAT_FILE|ROOT|SUPERVISED|SUPERVISOR_PID)$/;

const listFiles = (folder: string, pattern: RegExp): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => pattern.test(path));

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Pages that also name files of the released code. */
const OF_UPSTREAM = /coming-from-upstream/;
const PAGES = ["CONTRIBUTING.md", "README.md", "README.zh.md", ...listFiles("docs", /\.md$/)];

describe("documentation", () => {
  it.each(PAGES.filter((page) => !OF_UPSTREAM.test(page)))(
    "%s names files that are there",
    (page) => {
      const paths = [...read(page).matchAll(PATH)]
        .map((match) => match[1]!)
        // Words in capitals stand for what somebody chooses.
        .filter((path) => !/(^|\/)[A-Z]{2,}/.test(path));
      expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    },
  );

  it("names every variable that the product reads", () => {
    const described = new Set(read("docs/reference/environment.md").match(VARIABLE));
    const isTest = /\.test\.ts$|\/(tests|testing)\/|^scripts\/(screenshots|test|upstream)/;
    const texts = PRODUCT.flatMap((folder) => listFiles(folder, /\.(mjs|py|tsx?)$/))
      .filter((path) => !isTest.test(path))
      .map(read);
    const constants = new Set(
      texts.flatMap((text) => [...text.matchAll(/const (\w+)/g)].map((match) => match[1]!)),
    );
    const missing = texts
      .flatMap((text) => text.match(VARIABLE) ?? [])
      .filter((name) => !described.has(name) && !INTERNAL.test(name) && !constants.has(name));
    expect([...new Set(missing)]).toEqual([]);
  });
});
