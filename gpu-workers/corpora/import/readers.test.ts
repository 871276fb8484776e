import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parquetWriteFile } from "hyparquet-writer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { splitIntoChunks } from "./text-chunks";
import { readCsv, readTsv } from "./read-table";
import { detectFormat } from "./choose-reader";
import { START, type Item, type Place, type Reader, type ReadingOptions } from "./reader";
import { readJsonl } from "./read-jsonl";
import { readParquet } from "./read-parquet";

const reading: ReadingOptions = {
  format: "auto",
  chunkTokens: 128,
  chunkOverlap: 16,
  idColumn: "id",
  titleColumn: "title",
  textColumn: "text",
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "readers-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(
  reader: Reader,
  content: string | Buffer,
  name = "f",
  from: Place = START,
  options: Partial<ReadingOptions> = {},
): Promise<Item[]> {
  const path = join(folder, name);
  await writeFile(path, content);
  return readFileAt(reader, path, name, from, options);
}

async function readFileAt(
  reader: Reader,
  path: string,
  name: string,
  from: Place,
  options: Partial<ReadingOptions> = {},
): Promise<Item[]> {
  const { size } = await import("node:fs/promises").then(({ stat }) => stat(path));
  const items: Item[] = [];
  for await (const item of reader({ path, name, bytes: size }, from, { ...reading, ...options }))
    items.push(item);
  return items;
}

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
});

describe("JSONL", () => {
  it("goes on from any line with what would have come", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc
              .record({ id: fc.uuid(), text: fc.string({ unit: "grapheme" }) })
              .map((line) => JSON.stringify(line)),
            fc.constant(""),
            fc.constant("broken ü"),
            fc.constant('{"id":"r","text":"x"}\r'),
          ),
          { maxLength: 12 },
        ),
        fc.nat(12),
        async (lines, cut) => {
          const all = await read(readJsonl, lines.join("\n"));
          const at = all[Math.min(cut, all.length) - 1];
          expect(await read(readJsonl, lines.join("\n"), "f", at?.place ?? START)).toEqual(
            at ? all.slice(all.indexOf(at) + 1) : all,
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("CSV and TSV", () => {
  it("give documents by their columns, and rows that are wrong as bad lines", async () => {
    const items = await read(
      readCsv,
      '\ufeffid,title,text\n1,"A, b","first ""quoted""\nline"\n2,only two\n,,empty id\n3,C,third\n',
    );
    expect(items.map(({ place, record, problem }) => [place.item, record, problem])).toEqual([
      [1, { id: "1", title: "A, b", text: 'first "quoted"\nline' }, null],
      [2, null, "has 2 fields where the heading has 3"],
      [3, null, expect.stringContaining("id: must not be empty")],
      [4, { id: "3", title: "C", text: "third" }, null],
    ]);
  });

  it("number the rows where there is no id, and take other columns by name", async () => {
    const items = await read(readTsv, 'head\tbody\nA\tsays "so\nB\tthen\n', "n.tsv", START, {
      titleColumn: "head",
      textColumn: "body",
    });
    expect(items.map(({ record }) => record)).toEqual([
      { id: "n.tsv:1", title: "A", text: 'says "so' },
      { id: "n.tsv:2", title: "B", text: "then" },
    ]);
    await expect(read(readCsv, "a,b\n1,2\n")).rejects.toThrow(
      'has no column "text". Its columns: a, b',
    );
    await expect(read(readCsv, "")).rejects.toThrow("has no heading");
  });

  it.each([
    ["CSV", readCsv, ","],
    ["TSV", readTsv, "\t"],
  ] as const)(
    "leave out a row of %s that is not UTF-8 and keep those around it",
    async (_format, reader, delimiter) => {
      const row = (id: number, ...text: number[]): Buffer =>
        Buffer.concat([Buffer.from(`${id}${delimiter}`), Buffer.from(text), Buffer.from("\n")]);
      const items = await read(
        reader,
        Buffer.concat([
          Buffer.from(`id${delimiter}text\n`),
          row(1, 0x67),
          row(2, 0x62, 0xff),
          row(3, 0xef, 0xbf, 0xbd),
        ]),
      );
      expect(items.map(({ line, record, problem }) => [line, record?.text ?? problem])).toEqual([
        [2, "g"],
        [3, "is not valid UTF-8"],
        [4, "\ufffd"],
      ]);
    },
  );

  it("tell the line of a bad row, whatever rows before it span", async () => {
    const items = await read(readCsv, 'id,text\n\n1,"a\nb"\n2\n3,c\n4,"d\n5,e\n');
    expect(
      items.map(({ place, line, record, problem }) => [place.item, line, record?.text ?? problem]),
    ).toEqual([
      [1, 3, "a\nb"],
      [2, 5, "has 1 fields where the heading has 2"],
      [3, 6, "c"],
      [4, 7, expect.stringContaining("opens a quote that is not closed by the end of the file")],
      [5, 8, "e"],
    ]);
    expect(
      (await read(readTsv, "id\ttext\r\n\r\n1\ta\r\n2\r\n")).map(({ line, record, problem }) => [
        line,
        record?.text ?? problem,
      ]),
    ).toEqual([
      [3, "a"],
      [4, "has 1 fields where the heading has 2"],
    ]);
    await expect(read(readCsv, '"id,text\n1,a\n')).rejects.toThrow(
      "f has no heading, which must name the columns: its line 1 opens a quote",
    );
  });

  it("go on after a row that is longer than a line may be", async () => {
    const long = Buffer.alloc(64 * 1024 * 1024 + 1, "x");
    for (const [reader, delimiter] of [
      [readCsv, ","],
      [readTsv, "\t"],
    ] as const) {
      const items = await read(
        reader,
        Buffer.concat([
          Buffer.from(`id${delimiter}text\n1${delimiter}a\n2${delimiter}`),
          long,
          Buffer.from(`\n3${delimiter}c\n`),
        ]),
      );
      expect(items.map(({ line, record, problem }) => [line, record?.text ?? problem])).toEqual([
        [2, "a"],
        [3, "is longer than 64 MiB"],
        [4, "c"],
      ]);
    }
  });
});

describe("parquet", () => {
  it("is read row group by row group, from any row on", async () => {
    const path = join(folder, "x.parquet");
    const rows = Array.from({ length: 25 }, (_, i) => i);
    parquetWriteFile({
      filename: path,
      columnData: [
        { name: "id", data: rows.map((i) => BigInt(i)), type: "INT64" },
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
    const all = await readFileAt(readParquet, path, "x.parquet", START);
    expect(all.map(({ record }) => record)).toEqual(
      rows.map((i) => ({ id: String(i), title: i % 5 === 0 ? "" : `T${i}`, text: `text ${i} ü` })),
    );
    for (const cut of [3, 10, 14, 24])
      expect(await readFileAt(readParquet, path, "x.parquet", all[cut]?.place ?? START)).toEqual(
        all.slice(cut + 1),
      );
    await expect(read(readParquet, "PAR1 nonsense")).rejects.toThrow("cannot be read as parquet");
  });
});

describe("chunks", () => {
  // Words of one to four tokens, as a tokenizer of word pieces has them.
  const tokensOf = (word: string): number => 1 + Math.floor([...word].length / 4);
  const countOf = (text: string): number =>
    [...text.matchAll(/[\p{L}\p{N}\p{M}]+|[^\s]/gu)].reduce(
      (sum, [word]) => sum + tokensOf(word),
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
            countTokens: tokensOf,
          });
          const covered = new Set<number>();
          for (const { start, end } of chunks) for (let i = start; i < end; i++) covered.add(i);
          for (let i = 0; i < text.length; i++)
            if (/\S/.test(text.charAt(i)))
              expect(covered.has(i), `character ${i} of ${JSON.stringify(text)}`).toBe(true);
          const keepsWords = chunkOverlap >= 6;
          for (const { start, end } of chunks) {
            expect(countOf(text.slice(start, end))).toBeLessThanOrEqual(chunkTokens);
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
            const shared = next.start < chunk.end ? countOf(text.slice(next.start, chunk.end)) : 0;
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
      splitIntoChunks("one two", { chunkTokens: 16, chunkOverlap: 4, countTokens: tokensOf }),
    ).toEqual([{ start: 0, end: 7 }]);
    expect(
      splitIntoChunks(" \n ", { chunkTokens: 16, chunkOverlap: 4, countTokens: tokensOf }),
    ).toEqual([]);
  });
});
