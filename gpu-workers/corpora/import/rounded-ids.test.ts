import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { CorpusManifest } from "@/contracts/worker-protocol/corpus-report";
import { importCorpus } from "./import-corpus";
import { buildImportOptions } from "./testing/import-options";

// The process of its own is tried in import-isolation.test.ts.
vi.mock(import("./read-source"), async () => {
  const { default: read } = await import("./read-source-program");
  return { readSource: read };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "import-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function importText(fileName: string, content: string | Uint8Array, settings = {}) {
  const path = join(folder, fileName);
  await writeFile(path, content);
  const manifest: CorpusManifest = await importCorpus(
    buildImportOptions(folder, path, { settings }),
  );
  const written = await readFile(
    join(folder, "data", "corpora", "mine", "documents.jsonl"),
    "utf8",
  );
  return {
    manifest,
    documents: written
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { text: string }),
  };
}

it("ids that a spreadsheet rounded are told with their lines; rows that they make one are bad lines", async () => {
  const { manifest, documents } = await importText(
    "x.csv",
    "id,text\n1.23457E+12,heron\n1.23457E+12,otter\n1.23457E+12,heron\nd4,crane\nd4,crane\n",
  );
  expect(documents).toMatchObject([{ text: "heron" }, { text: "crane" }]);
  expect(manifest.duplicates.passages).toBe(1);
  expect(manifest.badLines).toEqual({
    total: 2,
    first: [
      { file: "x.csv", line: 3, reason: expect.stringContaining("with another text") as string },
      {
        file: "x.csv",
        line: 4,
        reason: expect.stringContaining("looks like a number that a spreadsheet rounded") as string,
      },
    ],
  });
  expect(manifest.warnings.total).toBe(3);
  expect(manifest.warnings.first.map(({ line }) => line)).toEqual([2, 3, 4]);
});

it("a key that comes twice is a bad line, and the others are read", async () => {
  const { manifest, documents } = await importText(
    "x.jsonl",
    '{"id":"1","text":"a"}\n{"id":"2","text":"a","text":"b"}\n{"id":"3","text":"c"}\n',
  );
  expect(documents).toMatchObject([{ text: "a" }, { text: "c" }]);
  expect(manifest.badLines.first).toMatchObject([
    { line: 2, reason: expect.stringContaining('holds the key "text" twice') as string },
  ]);
  expect(manifest.warnings.total).toBe(0);
});

it("a corpus in an encoding of Chinese is read where that is set", async () => {
  // "1" and "中文" in GBK.
  const bytes = Buffer.from([...Buffer.from("id,text\n1,"), 0xd6, 0xd0, 0xce, 0xc4, 0x0a]);
  const { documents, manifest } = await importText("x.csv", bytes, { encoding: "gb18030" });
  expect(documents).toMatchObject([{ text: "中文" }]);
  expect(manifest.reading?.encoding).toBe("gb18030");
});
