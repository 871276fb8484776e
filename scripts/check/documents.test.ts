import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";

const PRODUCT = ["app", "cli", "gpu-workers", "lib", "scripts", "server"];
const PATH =
  /`((?:app|bench|cli|contracts|core|docs|e2e|gpu-workers|lib|prisma|public|scripts|server)\/[\w.[\]/-]+)`/g;
const DATA_PATH = /\bjoin\(\s*(?:[\w.]*\bdataDir|DATA_DIR),\s*("[^"]+"|`[^`]+`|[\w.]+)/g;
const VARIABLE = /\b(?:S3|HF)_[A-Z0-9_]+\b/g;

/** What one process of the product sets for another. */
const INTERNAL = /^S3_(DEV|ENGINE_SECRET|HEARTBEAT_FILE|ROOT|SUPERVISED|SUPERVISOR_PID)$/;

const listFiles = (folder: string, pattern: RegExp): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => pattern.test(path));

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** First parts of the paths that texts of programs join to the data folder, and expressions that name no constant. */
function findDataNames(texts: readonly string[]): { names: Set<string>; unknown: Set<string> } {
  const names = new Set<string>();
  const unknown = new Set<string>();
  const findConstant = (text: string, name: string): string | undefined =>
    new RegExp(`const ${name} = "([^"]+)"`).exec(text)?.[1];
  for (const text of texts)
    for (const [, expression = ""] of text.matchAll(DATA_PATH)) {
      const literal = /^["`](.*)["`]$/.exec(expression)?.[1]?.replace(/\$\{\w+\}/, "NAME");
      const constants = /^[A-Z_]+$/.test(expression) ? [text, ...texts] : [];
      const name =
        literal ?? constants.map((of) => findConstant(of, expression)).find((found) => found);
      if (name === undefined) unknown.add(expression);
      else names.add(name);
    }
  return { names, unknown };
}

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

  it("names what lies in the data folder", () => {
    const [, table = ""] = read("docs/reference/files.md").split("below `.data/`");
    const described = new Set(
      [...table.matchAll(/`([\w.-]+)\/?`(?:, `([\w.-]+)\/?`)? *\|/g)].flatMap((match) =>
        match.slice(1),
      ),
    );
    const { names, unknown } = findDataNames(
      PRODUCT.flatMap((folder) => listFiles(folder, /\.(mjs|tsx?)$/))
        .filter((path) => !/\.test\.tsx?$|\/testing\//.test(path))
        .map(read),
    );
    expect(names.size).toBeGreaterThan(15);
    expect([...names].filter((name) => !described.has(name))).toEqual([]);
    // A mirror's kind, which is its folder; and all that lies there, which is made private.
    expect([...unknown].toSorted()).toEqual(["address.kind", "kind", "name"]);
    for (const kind of ["tensorboard", "wandb"]) expect(described).toContain(kind);
  });

  it("finds the names of files in the data folder, also by their constants", () => {
    const text =
      'const FILE = "a.secret"; join(dataDir, FILE); join(this.folders.dataDir, "b", "c"); join(DATA_DIR, `d-${name}.json`); join(dataDir, kind);';
    expect(findDataNames([text])).toEqual({
      names: new Set(["a.secret", "b", "d-NAME.json"]),
      unknown: new Set(["kind"]),
    });
  });
});
