import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parquetWriteFile } from "hyparquet-writer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CorpusItem } from "@/core/corpora/read-corpus-records";
import { FORMULA, NO_VALUE } from "@/core/reading/text-values";
import { buildReadingOptions } from "./testing/reading-options";
import { openSourceFile } from "./open-source-file";
import { detectFormat, type Format, type ReadingOptions } from "./source-files";
import { splitIntoChunks } from "./text-chunks";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readers-"));
});
afterEach(() => rm(folder, { recursive: true }));

interface ReadOptions extends Partial<Omit<ReadingOptions, "format">> {
  from?: number;
}

/** Items of a file with this content, read as its name says. */
async function read(
  name: string,
  content: string | Buffer | null,
  { from = 0, ...options }: ReadOptions = {},
): Promise<CorpusItem[]> {
  const path = join(folder, name);
  if (content !== null) await writeFile(path, content);
  const format: Format = detectFormat(name) ?? "auto";
  const reading = buildReadingOptions(options);
  const { size: bytes } = await stat(path);
  const file = await openSourceFile({ path, name, bytes }, format, reading, from);
  const items: CorpusItem[] = [];
  for await (const batch of file.batches) items.push(...batch);
  await file.close();
  return items;
}

const brief = (items: readonly CorpusItem[]): [number, string | null][] =>
  items.map(({ line, record, problem }) => [line, record?.text ?? problem]);

describe("formats", () => {
  it("are told by the name, gzipped or not", () => {
    expect(
      [
        "a.jsonl",
        "a.JSONL.gz",
        "b/c.csv",
        "x.tsv.gz",
        "p.parquet",
        "n.md",
        "n.txt",
        "n.bin",
        "README",
      ].map(detectFormat),
    ).toEqual(["jsonl", "jsonl", "csv", "tsv", "parquet", "text", "text", null, null]);
  });

  it("that names do not tell, or tell wrongly, are told by the bytes", async () => {
    const csv = "id,title,text\n1,T,x\n";
    for (const [name, content] of [
      ["f.bin", csv],
      ["f.csv", gzipSync(csv)],
      ["f.tsv", csv],
      ["f", '{"id":"1","title":"T","text":"x"}'],
      ["f.jsonl", '[{"id":"1","title":"T","text":"x"}]'],
    ] as const)
      expect((await read(name, content)).map(({ record }) => record)).toEqual([
        { id: "1", title: "T", text: "x" },
      ]);
    await expect(read("f.csv", Buffer.from("BZh91AY&SYrest"))).rejects.toThrow(
      "f.csv is bzip2: unpack it (bunzip2)",
    );
    await expect(read("f.txt", Buffer.from("PK\x03\x04rest"))).rejects.toThrow("is a zip archive");
    await expect(
      read("f.parquet", "version https://git-lfs.github.com/spec/v1\noid x"),
    ).rejects.toThrow("is a pointer of Git LFS");
  });
});

/** What is a problem instead of a text: bytes and lists that were made one, formulas, words for no value. */
const REFUSED_TEXTS = [/^\s*b(['"]).*\1\s*$/s, /^\s*\[.*['"].*\]\s*$/s, FORMULA, NO_VALUE];

describe("JSONL", () => {
  const line = fc.oneof(
    fc
      .record({ id: fc.uuid(), text: fc.string({ unit: "grapheme" }) })
      .map((record) => JSON.stringify(record)),
    fc.constant(""),
    fc.constant("broken ü"),
    fc.constant('{"id":"r","text":"x"}\r'),
  );
  it("goes on from any item with what would have come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.nat(12), async (lines, from) => {
        const content = `{"id":"first","text":"1"}\n${lines.join("\n")}`;
        const all = await read("f.jsonl", content);
        expect(await read("f.jsonl", content, { from })).toEqual(all.slice(from));
      }),
      { numRuns: 60 },
    );
  });

  it("gives back every text and id letter by letter", async () => {
    const unit = fc.oneof(fc.constantFrom("\0", "\ud83d", "\u200b", "é"), fc.string());
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            id: fc.oneof(fc.string({ minLength: 1, maxLength: 40 }), fc.bigInt({ min: 0n })),
            title: fc.string({ unit }),
            text: fc.string({ unit }),
          }),
          { minLength: 1, maxLength: 8 },
        ),
        async (documents) => {
          fc.pre(
            !documents.some((each) =>
              Object.values(each).some((value) =>
                REFUSED_TEXTS.some((pattern) => pattern.test(String(value))),
              ),
            ),
          );
          const lines = documents.map(
            ({ id, title, text }) =>
              `{"id":${typeof id === "bigint" ? id : JSON.stringify(id)},"title":${JSON.stringify(title)},"text":${JSON.stringify(text)}}`,
          );
          expect((await read("f.jsonl", lines.join("\n"))).map(({ record }) => record)).toEqual(
            documents.map((document) => ({ ...document, id: String(document.id) })),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it("takes keys by their meaning, line by line, and asks for what is missing", async () => {
    const items = await read(
      "f.jsonl",
      [
        '{"_id":"1","title":"A","text":"one"}',
        '{"doc_id":"2","Title":1984,"contents":"two"}',
        '{"_id":"3","text":null,"contents":"\\"T\\"\\nthree"}',
        '{"title":"no id","text":"x"}',
        '{"_id":"5","title":"no text"}',
        '{"_id":"6","title":["a"],"text":"x"}',
        '{"_id":"7","title":NaN,"text":{"en":"x"}}',
        '{"_id":"8","text":"","contents":"\\"T\\"\\neight"}',
        '{"_id":"9","text":"nan"}',
        '{"_id":"10","text":"b\'Paris\'"}',
        '{"_id":Infinity,"text":"x"}',
        '{"_id":"12","text":"","title":"T"}',
        JSON.stringify({ _id: "13", text: "['One.', \"Two's.\"]" }),
        JSON.stringify({ _id: '="005"', text: "x" }),
        '{"_id":"15","text":"[\'a\'] is a list"}',
        '{"_id":"16","text":"#REF!"}',
      ].join("\n"),
    );
    expect(items.map(({ record, problem }) => record ?? problem)).toEqual([
      { id: "1", title: "A", text: "one" },
      { id: "2", title: "1984", text: "two", contents: "two" },
      { id: "3", title: "T", text: "three" },
      'has no id in "_id"',
      'has no text in "text" or "contents"',
      'holds a list where a text is wanted (in "title")',
      'holds a dictionary (en) where a text is wanted (in "text")',
      { id: "8", title: "T", text: "eight" },
      'holds nan, which stands for no value, in "text"',
      expect.stringContaining("holds bytes as Python shows them"),
      'holds Infinity, which is no text (in "_id")',
      { id: "12", title: "T", text: "" },
      expect.stringContaining('holds a list that was made a text in "text"'),
      'holds the formula ="005" in "_id": save the table with its values',
      { id: "15", title: "", text: "['a'] is a list" },
      'holds #REF!, which stands for no value, in "text"',
    ]);
    await expect(
      read("q.tsv", 'id\ttitle\ttext\n1\t"Low"\t"Low" is an album\n2\ta\tb\n'),
    ).rejects.toThrow("set the quoting to doubled or to none");
    for (const [content, message] of [
      ['{"key":"1","text":"x"}', 'f.jsonl has no column "id"; its columns are "key", "text"'],
      ['{"id":"1","words":"x"}', 'f.jsonl has no column "text"'],
      ['{"id":"1","text":"x","label":"A name"}', 'f.jsonl has no column "title"'],
    ] as const)
      await expect(read("f.jsonl", content)).rejects.toThrow(message);
    expect(
      await read("f.jsonl", '{"key":"1","text":"x","label":"A name"}', {
        idColumn: "#row",
        titleColumn: "#none",
      }),
    ).toMatchObject([{ record: { id: "f.jsonl:1", title: "", text: "x" } }]);
    // Keys of objects are data, whatever they are called.
    expect(
      await read("f.jsonl", '{"id":"1","text":"x","__proto__":{"title":"t"},"constructor":"c d"}', {
        titleColumn: "constructor",
      }),
    ).toMatchObject([{ record: { id: "1", title: "c d" } }]);
  });

  it("keeps a title beside contents, and does not repeat it in the text", async () => {
    const contents = (title: string, text: string): string =>
      JSON.stringify({ id: "1", title, contents: text });
    for (const [line, text] of [
      [contents("Own", "Own\nbody"), "body"],
      [contents("Q", '"Q"\r\nbody'), "body"],
      [contents("Other", '"Said"\nbody'), '"Said"\nbody'],
      [contents("Own", "Own"), "Own"],
    ] as const)
      expect((await read("f.jsonl", line))[0]?.record?.text).toBe(text);
  });
});

describe("CSV and TSV", () => {
  it("give documents by their columns, and rows that are wrong as bad lines", async () => {
    const items = await read(
      "f.csv",
      '\ufeffid,title,text\n1,"A, b","first ""quoted""\nline"\n2,only two\n,,empty id\n3,C,third\n',
    );
    expect(items.map(({ record, problem }) => record ?? problem)).toEqual([
      { id: "1", title: "A, b", text: 'first "quoted"\nline' },
      "has 2 fields where the heading has 3",
      'has no id in "id"',
      { id: "3", title: "C", text: "third" },
    ]);
  });

  it("number the rows where that is said, and take other columns by name", async () => {
    const items = await read("n.tsv", 'head\tbody\nA\tsays "so\nB\tthen\n', {
      idColumn: "#row",
      titleColumn: "head",
      textColumn: "body",
    });
    expect(items.map(({ record }) => record)).toEqual([
      { id: "n.tsv:1", title: "A", text: 'says "so' },
      { id: "n.tsv:2", title: "B", text: "then" },
    ]);
    await expect(read("f.csv", "a,b\n1,2\n")).rejects.toThrow(
      'f.csv has no column "text"; its columns are "a", "b". Set the text column',
    );
    await expect(read("f.csv", "text,b\n1,2\n")).rejects.toThrow("or to #row to number the rows");
    await expect(read("f.csv", "id,text,name\n1,a,Some name\n")).rejects.toThrow(
      "or to #none where there is none",
    );
    // Numbers, dates and addresses are no titles that somebody has forgotten.
    expect(
      await read("f.csv", ",id,text,day,url\n0,a,x,2020-01-02,https://example.org/a\n"),
    ).toMatchObject([{ record: { id: "a", title: "", text: "x" } }]);
  });

  it.each([
    ["f.csv", ","],
    ["f.tsv", "\t"],
  ])(
    "leave out a row of %s that is not UTF-8 and keep those around it",
    async (name, delimiter) => {
      const row = (id: number, ...text: number[]): Buffer =>
        Buffer.concat([Buffer.from(`${id}${delimiter}`), Buffer.from(text), Buffer.from("\n")]);
      const content = Buffer.concat([
        Buffer.from(`id${delimiter}text\n`),
        row(1, 0x67),
        row(2, 0x62, 0xff),
        row(3, 0xef, 0xbf, 0xbd),
      ]);
      expect(brief(await read(name, content))).toEqual([
        [2, "g"],
        [3, expect.stringContaining("is not UTF-8")],
        [4, "\ufffd"],
      ]);
    },
  );

  it("tell the line of a bad row, whatever rows before it span", async () => {
    const content = 'id,text\n\n1,"a\nb"\n2\n3,c\n4,"d\n5,e\n';
    expect(brief(await read("f.csv", content, { quoting: "doubled" }))).toEqual([
      [3, "a\nb"],
      [5, expect.stringContaining("has 1 field where the heading has 2")],
      [6, "c"],
      [7, expect.stringContaining("opens a quote that is not closed by the end of the file")],
      [8, "e"],
    ]);
  });

  it("go on after a row that is longer than a text may be", async () => {
    const long = Buffer.alloc(9 * 1024 * 1024, "x");
    for (const [name, delimiter] of [
      ["f.csv", ","],
      ["f.tsv", "\t"],
    ] as const) {
      const content = Buffer.concat([
        Buffer.from(`id${delimiter}text\n1${delimiter}a\n2${delimiter}`),
        long,
        Buffer.from(`\n3${delimiter}c\n`),
      ]);
      expect(brief(await read(name, content))).toEqual([
        [2, "a"],
        [3, expect.stringContaining("holds more than 8 Mi characters")],
        [4, "c"],
      ]);
    }
  });
});

describe("parquet", () => {
  it("is read row group by row group, from any row on", async () => {
    const rows = Array.from({ length: 25 }, (_, i) => i);
    const ids = rows.map((i) => 2n ** 62n + BigInt(i));
    parquetWriteFile({
      filename: join(folder, "x.parquet"),
      columnData: [
        { name: "id", data: ids, type: "INT64" },
        {
          name: "title",
          data: rows.map((i) => (i % 5 === 0 ? null : `T${i}`)),
          type: "STRING",
          nullable: true,
        },
        { name: "text", data: rows.map((i) => `text ${i} ü`), type: "STRING" },
        { name: "other", data: rows, type: "INT32" },
      ],
      rowGroupSize: 10,
    });
    const all = await read("x.parquet", null);
    expect(all.map(({ record }) => record)).toEqual(
      rows.map((i) => ({
        id: String(ids[i]),
        title: i % 5 === 0 ? "" : `T${i}`,
        text: `text ${i} ü`,
      })),
    );
    for (const from of [3, 10, 14, 24])
      expect(await read("x.parquet", null, { from })).toEqual(all.slice(from));
    await expect(read("f.parquet", "PAR1 nonsense")).rejects.toThrow("cannot be read as parquet");
    await expect(read("x.parquet", null, { textColumn: "words" })).rejects.toThrow(
      'x.parquet has no column "words"; its columns are "id", "title", "text", "other"',
    );
  });
});

describe("chunks", () => {
  // Words of one to four tokens, as a tokenizer of word pieces has them.
  const countWordTokens = (word: string): number => 1 + Math.floor([...word].length / 4);
  const countTextTokens = (text: string): number =>
    [...text.matchAll(/[\p{L}\p{N}\p{M}]+|[^\s]/gu)].reduce(
      (sum, [word]) => sum + countWordTokens(word),
      0,
    );
  const texts = fc
    .array(
      fc.oneof(
        fc.stringMatching(/^[a-zäß]{1,14}$/),
        fc.constantFrom(".", ",", "\n", "\n\n", "  ", "日本語", "😀"),
      ),
      { maxLength: 80 },
    )
    .map((words) => words.join(" "));

  it("cover the text, are no longer than asked, overlap as asked, and keep words whole", () => {
    fc.assert(
      fc.property(
        texts,
        fc.integer({ min: 16, max: 40 }),
        fc.integer({ min: 0, max: 8 }),
        (text, chunkTokens, chunkOverlap) => {
          const chunks = splitIntoChunks(text, {
            chunkTokens,
            chunkOverlap,
            countTokens: countWordTokens,
          });
          const covered = new Set<number>();
          for (const { start, end } of chunks) for (let i = start; i < end; i++) covered.add(i);
          for (let i = 0; i < text.length; i++)
            if (/\S/.test(text.charAt(i)))
              expect(covered.has(i), `character ${i} of ${JSON.stringify(text)}`).toBe(true);
          const keepsWords = chunkOverlap >= 6;
          for (const { start, end } of chunks) {
            expect(countTextTokens(text.slice(start, end))).toBeLessThanOrEqual(chunkTokens);
            if (!keepsWords) continue;
            expect(
              /[\p{L}\p{N}]$/u.test(text.slice(0, start)) &&
                /^[\p{L}\p{N}]/u.test(text.slice(start)),
              `a word is cut at ${start} of ${JSON.stringify(text)}`,
            ).toBe(false);
            expect(
              /[\p{L}\p{N}]$/u.test(text.slice(0, end)) && /^[\p{L}\p{N}]/u.test(text.slice(end)),
              `a word is cut at ${end} of ${JSON.stringify(text)}`,
            ).toBe(false);
          }
          for (const [i, next] of chunks.slice(1).entries()) {
            const chunk = chunks[i];
            if (!chunk) continue;
            expect(next.start).toBeGreaterThan(chunk.start);
            const shared =
              next.start < chunk.end ? countTextTokens(text.slice(next.start, chunk.end)) : 0;
            expect(shared).toBeLessThanOrEqual(chunkOverlap + (keepsWords ? 0 : 1));
            // A word at either edge is given up rather than cut: at most its tokens less one, each.
            expect(shared).toBeGreaterThanOrEqual(chunkOverlap - 2 * 3);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("hold the limit where a character has several tokens, and where one word is longer than a chunk", () => {
    const bytes = (word: string): number => [...word].length * 3;
    const text = `${"ᚠᚢᚦ".repeat(20)} ${"ᚨᚱᚲ ".repeat(20)}`;
    const chunks = splitIntoChunks(text, { chunkTokens: 16, chunkOverlap: 4, countTokens: bytes });
    for (const { start, end } of chunks)
      expect(bytes(text.slice(start, end).replaceAll(" ", ""))).toBeLessThanOrEqual(16);
    expect(
      [...text].every(
        (character, i) =>
          character === " " || chunks.some(({ start, end }) => start <= i && i < end),
      ),
    ).toBe(true);
  });

  it("of a short text are the text", () => {
    expect(
      splitIntoChunks("one two", {
        chunkTokens: 16,
        chunkOverlap: 4,
        countTokens: countWordTokens,
      }),
    ).toEqual([{ start: 0, end: 7 }]);
    expect(
      splitIntoChunks(" \n ", { chunkTokens: 16, chunkOverlap: 4, countTokens: countWordTokens }),
    ).toEqual([]);
  });
});
