import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CorpusRecord } from "@/contracts/formats/corpus-lines";
import { importCorpus } from "./import-corpus";
import { buildImportOptions } from "./testing/import-options";
import { SHARED_DIR, CASES_DIR } from "@/lib/testing/shared";

/** Imports through the process that reads, of files that were made to harm and of those that people bring. */

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "isolation-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const documents = async (): Promise<unknown[]> =>
  (await readFile(join(folder, "data", "corpora", "mine", "documents.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as CorpusRecord)
    .map(({ id, title, text }) => ({ id, title, text }));

describe("a file that harms its reader", () => {
  it.skipIf(!existsSync(join(SHARED_DIR, "faults", "hang.parquet")))(
    "by an endless loop ends with the reason",
    async () => {
      const path = join(SHARED_DIR, "faults", "hang.parquet");
      const settings = { idColumn: "#row", titleColumn: "#none", textColumn: "golden_answers" };
      await expect(
        importCorpus(buildImportOptions(folder, path, { settings, limits: { silenceMs: 6_000 } })),
      ).rejects.toMatchObject({
        code: "invalid-input",
        message: "hang.parquet cannot be read: nothing came of it for 6 s, so reading was ended.",
      });
    },
    60_000,
  );

  it(
    "by inflating ends with the reason, and takes neither disk nor memory",
    { tags: "long", timeout: 120_000 },
    async () => {
      const path = join(folder, "bomb.jsonl.gz");
      const line = `${JSON.stringify({ id: "1", text: "x".repeat(1000) })}\n`;
      // 400 MB in twenty members: the same file as one member of it, made in a twentieth of the time.
      const member = gzipSync(line.repeat(20_000));
      await writeFile(path, Buffer.concat(Array.from({ length: 20 }, () => member)));
      await expect(importCorpus(buildImportOptions(folder, path))).rejects.toThrow(
        "bomb.jsonl.gz unpacks to more than 200 times its size",
      );
      const wide = join(folder, "wide.json");
      await writeFile(wide, `[{"id":"1","text":[${'["x"],'.repeat(8_000_000)}1]}]`);
      await expect(
        importCorpus(
          buildImportOptions(folder, wide, {
            runId: "00000000-0000-4000-8000-0000000000bb",
            limits: { memoryBytes: 300 * 2 ** 20 },
          }),
        ),
      ).rejects.toThrow("wide.json cannot be read: reading it needs more than 0.3 GiB of memory");
    },
  );

  it("is not begun where the disk has no room for it", async () => {
    const path = join(folder, "x.jsonl");
    await writeFile(path, '{"id":"1","text":"x"}\n');
    await expect(
      importCorpus(
        buildImportOptions(folder, path, { readFreeBytes: () => Promise.resolve(2 ** 20) }),
      ),
    ).rejects.toMatchObject({ code: "storage-full" });
    await expect(stat(join(folder, "data", "corpora", "mine"))).rejects.toThrow();
  });
});

/** What each case must give: the documents, or the words of the refusal. */
const CASES: [string, string, unknown[] | RegExp][] = [
  [
    "30-dpr-quoted-tsv",
    "psgs.tsv",
    [
      { id: "1", title: "Aaron", text: 'Aaron ("Aharon") is a prophet.' },
      { id: "2", title: "Two lines", text: "First line\nsecond line" },
    ],
  ],
  [
    "31-beir-jsonl",
    "corpus.jsonl",
    [0, 1, 2].map((i) => ({ id: `MED-${i}`, title: `T${i}`, text: `text ${i}` })),
  ],
  [
    "33-title-capital",
    "c.csv",
    [
      { id: "007", title: "Bond", text: "An agent." },
      { id: "008", title: "Bill", text: "Another agent." },
    ],
  ],
  ["34-parquet-list-text", "c.parquet", /holds a list where a text is wanted \(in "text"\)/],
  [
    "35-parquet-struct-text",
    "c.parquet",
    /holds a dictionary \(en, de\) where a text is wanted \(in "text"\)/,
  ],
  [
    "36-parquet-dict-large",
    "c.parquet",
    [
      { id: "007", title: "", text: "Über 😀 البيت" },
      { id: "7", title: "U", text: "日本語の文章" },
    ],
  ],
  [
    "37-gz-multi-member",
    "c.jsonl.gz",
    [0, 1, 2].map((i) => ({ id: `${i}`, title: `T${i}`, text: `body ${i}` })),
  ],
  ["38-bz2-as-jsonl", "c.jsonl", /c\.jsonl is bzip2: unpack it/],
  ["39-zip", "beir.zip", /beir\.zip is a zip archive.*unpack it/],
  ["40-utf16-jsonl", "c.jsonl", /c\.jsonl is not UTF-8 but UTF-16/],
  [
    "43-json-array",
    "corpus.json",
    [
      { id: "1", title: "", text: "a" },
      { id: "2", title: "", text: "b" },
    ],
  ],
  [
    "44-pretty-jsonl",
    "c.jsonl",
    [
      { id: "621.0005", title: "", text: "x" },
      { id: "622.0001", title: "", text: "y" },
    ],
  ],
  [
    "45-scientific-ids",
    "c.csv",
    [
      { id: "621.0005", title: "a", text: "one" },
      { id: "622.0010", title: "b", text: "two" },
      { id: "007", title: "c", text: "three" },
      { id: "1e5", title: "d", text: "four" },
      { id: "1610521604143693812", title: "e", text: "five" },
    ],
  ],
  [
    "46-jsonl-number-ids",
    "c.jsonl",
    [
      { id: "1610521604143693812", title: "", text: "one" },
      { id: "621.0005", title: "", text: "two" },
      { id: "5", title: "", text: "three" },
      { id: "1e3", title: "", text: "four" },
    ],
  ],
  [
    "47-odd-text",
    "c.jsonl",
    [
      { id: "nul", title: "N", text: "a\0b" },
      { id: "lone", title: "L", text: "cut \ud83d here" },
      { id: "emoji", title: "👩\u200d🔬", text: "قالت: 你好 👋🏽" },
      { id: "nfd", title: "Cafe\u0301", text: "zero\u200bwidth" },
    ],
  ],
  [
    "48-number-title",
    "c.jsonl",
    [
      { id: "1", title: "1984", text: "A novel." },
      { id: "2", title: "T", text: "body" },
      { id: "3", title: "x", text: "ok" },
    ],
  ],
  [
    "49-pandas-index-cr",
    "c.csv",
    [
      { id: "x1", title: "T", text: "two\nlines" },
      { id: "x2", title: "U", text: "plain" },
    ],
  ],
  [
    "50-contents-unquoted-title",
    "c.jsonl",
    [
      { id: "1", title: "Own", text: "Body one" },
      { id: "2", title: "Q", text: "Body two" },
      { id: "3", title: 'A "quoted" title', text: "Body three" },
    ],
  ],
  ["51-dup-ids", "c.jsonl", [{ id: "1", title: "", text: "a" }]],
];

it.each(CASES)("the case %s is read as it was meant", async (name, file, expected) => {
  const path = join(CASES_DIR, name, file);
  if (!existsSync(path)) {
    console.warn(`skipped: there is no ${path}`);
    return;
  }
  const work = importCorpus(buildImportOptions(folder, path));
  if (expected instanceof RegExp) return expect(work).rejects.toThrow(expected);
  const manifest = await work;
  expect(await documents()).toEqual(expected);
  expect(manifest.reading?.form).toBeDefined();
  if (name === "51-dup-ids") {
    expect(manifest.duplicates.passages).toBe(1);
    expect(manifest.badLines.first.map(({ line, reason }) => [line, reason])).toEqual(
      [3, 4].map((line) => [line, 'repeats the id "1" of an earlier passage with another text']),
    );
  } else expect(manifest.badLines.total).toBe(0);
});
