import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashText } from "@/lib/hash";
import { importCorpus } from "./import-corpus";
import { buildImportOptions } from "./testing/import-options";
import { writeParts } from "./testing/write-parts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "import-parts-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options = (path: string, overrides: Parameters<typeof buildImportOptions>[2] = {}) =>
  buildImportOptions(folder, path, overrides);
async function writeText(name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}
const split = (whole: string, content: Buffer, count: number) =>
  writeParts(folder, whole, content, count);
const imported = (name: string) => join(folder, "data", "corpora", name, "documents.jsonl");
const lines = Array.from({ length: 3000 });

describe("the parts of a file", () => {
  const packed = () =>
    gzipSync(lines.map((_, i) => JSON.stringify({ id: `d${i}`, text: `text of ${i}` })).join("\n"));

  it("are imported as the whole would be, from their folder or by how their names begin, in an order that is said", async () => {
    const content = packed();
    const whole = await importCorpus(
      options(await writeText("wiki.jsonl.gz", content), { name: "whole" }),
    );
    const byName = split("named/wiki.jsonl.gz.", content, 4);
    await writeText("named/other.csv", "id,text\na,b");
    split("unnamed/", content, 3);
    const said: string[] = [];
    const settings = { sha256: hashText(content) };
    const log = (message: string) => void said.push(message);
    for (const [name, path] of [
      ["one", byName],
      ["two", join(folder, "unnamed")],
    ] as const) {
      const manifest = await importCorpus(options(path, { name, settings, log }));
      expect(manifest.hash).toBe(whole.hash);
      expect(manifest.source).toMatchObject({ files: 1, sha256: whole.source.sha256 });
      expect(await readFile(imported(name))).toEqual(await readFile(imported("whole")));
    }
    expect(said).toEqual([
      "wiki.jsonl.gz is put together of its parts in this order: wiki.jsonl.gz.part_aa, wiki.jsonl.gz.part_ab, wiki.jsonl.gz.part_ac, wiki.jsonl.gz.part_ad.",
      "part_aa is put together of its parts in this order: part_aa, part_ab, part_ac.",
    ]);
  });

  it("are refused where one is missing, and where they are not what was asked for", async () => {
    const content = packed();
    const path = split("x.jsonl.gz.", content, 4);
    await expect(
      importCorpus(options(path, { settings: { sha256: hashText("else") } })),
    ).rejects.toThrow(/x\.jsonl\.gz has the sha256 .* and not .*its last part is missing/);
    await rm(join(folder, "x.jsonl.gz.part_ad"));
    await expect(importCorpus(options(path))).rejects.toMatchObject({ code: "invalid-input" });
    await rm(join(folder, "x.jsonl.gz.part_ab"));
    await expect(importCorpus(options(path))).rejects.toThrow(
      "The part x.jsonl.gz.part_ab is missing: there are x.jsonl.gz.part_aa, x.jsonl.gz.part_ac.",
    );
    await expect(importCorpus(options(join(folder, "none.part_*")))).rejects.toMatchObject({
      code: "not-found",
    });
  });
});
