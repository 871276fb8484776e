import { createHash } from "node:crypto";
import { appendFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatContents } from "@/contracts/formats/corpus-lines";
import { toWireDocument } from "@/contracts/formats/retrieve";
import { corpusSourceSchema } from "@/contracts/run-config/corpus-source";
import type { CorpusManifest } from "@/contracts/worker-protocol/corpus-report";
import { AppError } from "@/contracts/errors";
import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import { importCorpus, type ImportOptions } from "./import-corpus";
import { writeJournal } from "./import-journal";
import { writeParts } from "./testing/write-parts";

vi.mock(import("./import-journal"), async (original) => {
  const journal = await original();
  return { ...journal, writeJournal: vi.fn(journal.writeJournal) };
});

// The process of its own is tried in import-isolation.test.ts; here many imports begin and end.
vi.mock(import("./read-source"), async () => {
  const { default: read } = await import("./read-source-program");
  return { readSource: read };
});

const RUN = "00000000-0000-4000-8000-0000000000aa";
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "import-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function buildOptions(
  path: string,
  overrides: Partial<ImportOptions> & { settings?: object } = {},
): ImportOptions {
  const { settings, ...rest } = overrides;
  const source = corpusSourceSchema.parse({ kind: "path", path, ...settings });
  if (source.kind === "installed") throw new Error("not a source");
  return {
    dataDir: join(folder, "data"),
    importRoots: [folder],
    name: "mine",
    source,
    runId: RUN,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    log: () => undefined,
    fetchUpload: () => Promise.reject(new Error("no uploads here")),
    ...rest,
  };
}

async function writeText(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, content);
  return path;
}

const imported = (name = "mine"): string =>
  join(folder, "data", "corpora", name, "documents.jsonl");
const documents = async (name = "mine"): Promise<unknown[]> =>
  (await readFile(imported(name), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

describe("an import", () => {
  it("takes upstream's lines and gives their contents back", async () => {
    const lines = [
      { id: "0", contents: '"Anarchism"\nAnarchism is a "political" philosophy.' },
      { id: "1", contents: '"A (b) "c""\nLine one\nline two ü' },
      { id: "2", contents: '""\nUntitled' },
    ];
    const path = await writeText(
      "wiki.jsonl",
      lines.map((line) => JSON.stringify(line)).join("\n"),
    );
    const manifest = await importCorpus(buildOptions(path, { settings: { licence: "CC BY-SA" } }));
    expect(manifest).toMatchObject({
      name: "mine",
      documents: 3,
      licence: "CC BY-SA",
      runId: RUN,
      source: { kind: "path", from: path, format: "jsonl", files: 1 },
      badLines: { total: 0 },
    });
    expect(manifest.source.sha256).toBe(
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    );
    const corpus = await CorpusFile.open(imported());
    expect(corpus.hash).toBe(manifest.hash);
    const read = await corpus.readRows([0, 1, 2]);
    expect(
      read.map((document) => ({ id: document.id, contents: formatContents(document) })),
    ).toEqual(lines);
    expect(corpus.bytesPerPassage).toBe(manifest.memoryPerPassage);
    await corpus.close();
  });

  it("gives contents of every form back as they were; title, text and content hash are as ever", async () => {
    const lines: [contents: object, title: string, text: string][] = [
      [{ contents: '"Paris"\nParis is' }, "Paris", "Paris is"],
      [{ contents: "Paris\nParis is" }, "", "Paris\nParis is"],
      [{ contents: '"A "B" C"\ntext' }, 'A "B" C', "text"],
      [{ contents: "no line break" }, "", "no line break"],
      [{ contents: '"T" x\ny' }, "", '"T" x\ny'],
      [{ contents: "\ntext" }, "", "\ntext"],
      [{ contents: '"T"\r\ny' }, "T", "y"],
      [{ contents: '"Only"' }, "Only", ""],
      [{ title: "T", text: "x" }, "T", "x"],
      [{ title: "T", contents: "T. c" }, "T", "T. c"],
      [{ title: "T", contents: "T\nd" }, "T", "d"],
      [{ title: "T", content: "e", contents: "T. e" }, "T", "e"],
      [{ title: "T", text: "f", contents: "another" }, "T", "f"],
    ];
    const path = await writeText(
      "forms.jsonl",
      lines.map(([line], id) => JSON.stringify({ id: `${id}`, ...line })).join("\n"),
    );
    const manifest = await importCorpus(buildOptions(path));
    expect(manifest.contentsForms).toEqual({
      quoted: 3,
      text: 5,
      "quoted-crlf": 1,
      "quoted-alone": 1,
      "title-line": 1,
      sentence: 1,
      verbatim: 1,
    });
    const rows = lines.map((_, row) => row);
    // The file as it was given, put there by hand, and as it was imported.
    for (const at of [path, imported()]) {
      const corpus = await CorpusFile.open(at);
      const read = await corpus.readRows(rows);
      expect(read.map((document) => toWireDocument(document).contents)).toEqual(
        lines.map(([line]) => ("contents" in line ? line.contents : '"T"\nx')),
      );
      await corpus.close();
    }
    const corpus = await CorpusFile.open(imported());
    expect((await corpus.readRows(rows)).map(({ title, text }) => [title, text])).toEqual(
      lines.map(([, title, text]) => [title, text]),
    );
    await corpus.close();
    expect(corpus.note).toBeUndefined();
    // One that was imported before answers as before, and says so.
    const before = await writeEarlierCorpus();
    expect(before.note).toMatch(/^The corpus was imported before the form of each line was kept/);
    expect(before.hash).toBe(manifest.hash);
    const old = await before.readRows(rows);
    expect(old.map((document) => toWireDocument(document).contents)).toEqual(
      lines.map(([, title, text]) => `"${title}"\n${text}`),
    );
    await before.close();
    // Its content is that of the same titles and texts in any other form.
    const plain = await writeText(
      "plain.jsonl",
      lines.map(([, title, text], id) => JSON.stringify({ id: `${id}`, title, text })).join("\n"),
    );
    const same = await importCorpus(buildOptions(plain, { name: "plain" }));
    expect([same.hash, same.contentsForms]).toEqual([manifest.hash, { quoted: lines.length }]);

    /** The imported corpus as an earlier version wrote it: title and text alone, no forms in its manifest. */
    async function writeEarlierCorpus(): Promise<CorpusFile> {
      const at = join(folder, "before", "documents.jsonl");
      const old = `${lines.map(([, title, text], id) => JSON.stringify({ id: `${id}`, title, text })).join("\n")}\n`;
      const { contentsForms: _, ...rest } = manifest;
      await writeText("before/documents.jsonl", old);
      await writeText(
        "before/manifest.json",
        JSON.stringify({ ...rest, bytes: Buffer.byteLength(old) }),
      );
      return CorpusFile.open(at);
    }
  });

  it("takes MedRAG's chunk files: a folder of JSONL, title and content", async () => {
    await writeText(
      "chunk/b.jsonl",
      JSON.stringify({ id: "b_0", title: "T", content: "second", contents: "T. second" }),
    );
    await writeText(
      "chunk/a.jsonl",
      JSON.stringify({ id: "a_0", title: "T", content: "first", contents: "T. first" }),
    );
    await writeText("chunk/.hidden.jsonl", "nonsense");
    const manifest = await importCorpus(buildOptions(join(folder, "chunk")));
    expect(await documents()).toEqual([
      { id: "a_0", title: "T", text: "first", contentsForm: "sentence" },
      { id: "b_0", title: "T", text: "second", contentsForm: "sentence" },
    ]);
    expect(manifest.source).toMatchObject({
      files: 2,
      first: [{ name: "a.jsonl" }, { name: "b.jsonl" }],
    });
  });

  it("counts bad lines with number and reason, and goes on", async () => {
    const good = (id: string, text = id): string => JSON.stringify({ id, title: "", text });
    const content = Buffer.concat([
      Buffer.from(`${good("a")}\n{"id": \n\n${good("b")}\n{"title":"no id","text":"x"}\n`),
      Buffer.from('{"id":"u","text":"\xff"}\n', "latin1"),
      Buffer.from(
        `${good("a")}\n${good("a", "other")}\n${good("c", "a")}\n${good("e", " ")}\n{"id":"n","text":["x"]}\n`,
      ),
    ]);
    const manifest = await importCorpus(buildOptions(await writeText("x.jsonl", content)));
    expect(await documents()).toEqual(
      ["a", "b"]
        .map((id) => ({ id, title: "", text: id }))
        .concat({ id: "c", title: "", text: "a" }),
    );
    expect(manifest.badLines.total).toBe(6);
    expect(
      manifest.badLines.first.map(({ line, reason }) => `${line} ${reason.slice(0, 24)}`),
    ).toEqual(
      [
        '2 is not JSON: {"id":',
        "5 has no id in",
        "6 is not UTF-8",
        '8 repeats the id "a" of an',
        "10 has neither title nor te",
        "11 holds a list where",
      ].map((text) => expect.stringContaining(text.slice(0, 20)) as string),
    );
    expect(manifest.duplicates).toEqual({ passages: 1, texts: 1 });
    expect(manifest.lengths).toMatchObject({ shortest: 1, longest: 1, mean: 1 });
  });

  it("passes a line of 100 MB by in constant memory", async () => {
    const path = await writeText("x.jsonl", '{"id":"a","text":"a"}\n{"id":"long","text":"');
    const mebibyte = Buffer.alloc(1024 * 1024, 0x78);
    for (let i = 0; i < 100; i++) await appendFile(path, mebibyte);
    await appendFile(path, '"}\n{"id":"b","text":"b"}\n');
    const before = process.memoryUsage().rss;
    let highest = before;
    const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 5);
    const manifest = await importCorpus(buildOptions(path));
    clearInterval(watch);
    expect(manifest).toMatchObject({
      documents: 2,
      badLines: {
        total: 1,
        first: [{ line: 2, reason: 'holds more than 8 Mi characters in "text"' }],
      },
    });
    expect((highest - before) / 1024 / 1024).toBeLessThan(700);
  });

  it("of text and tables with bad bytes and rows takes the rest, file by file", async () => {
    await writeText(
      "notes/a.txt",
      Buffer.concat([Buffer.from("one\ntwo "), Buffer.from([0xff]), Buffer.from(" three\nfour")]),
    );
    await writeText("notes/b.txt", "five");
    const text = await importCorpus(buildOptions(join(folder, "notes"), { name: "notes" }));
    expect(await documents("notes")).toEqual([
      { id: "a.txt#1", title: "a", text: "one\ntwo \ufffd three\nfour" },
      { id: "b.txt#1", title: "b", text: "five" },
    ]);
    expect(text.badLines).toEqual({
      total: 1,
      first: [{ file: "a.txt", line: 2, reason: expect.stringContaining("not UTF-8") as string }],
    });
    await writeText("tables/a.csv", 'id,text\n1,"x\ny"\n2,"open\n3,z\n');
    await writeText("tables/b.csv", "id,text\n4,w\n");
    const tables = await importCorpus(
      buildOptions(join(folder, "tables"), { name: "tables", runId: RUN.replace("aa", "bb") }),
    );
    expect((await documents("tables")).map((document) => (document as { id: string }).id)).toEqual([
      "1",
      "3",
      "4",
    ]);
    expect(tables.badLines).toEqual({
      total: 1,
      first: [
        { file: "a.csv", line: 4, reason: expect.stringContaining("opens a quote") as string },
      ],
    });
  });

  it("of many small files writes its journal now and then, not for each", async () => {
    for (let i = 0; i < 100; i++) await writeText(`many/${i}.txt`, `text of ${i}`);
    vi.mocked(writeJournal).mockClear();
    const manifest = await importCorpus(buildOptions(join(folder, "many"), { journalMs: 60_000 }));
    expect(manifest).toMatchObject({ documents: 100, source: { files: 100 } });
    // When it begins, and when all is read.
    expect(writeJournal).toHaveBeenCalledTimes(2);
  });

  it("goes on where its journal lies files behind", async () => {
    for (let i = 0; i < 60; i++)
      await writeText(
        `many/${String(i).padStart(2, "0")}.jsonl`,
        `${JSON.stringify({ id: `d${i}`, text: `text ${i % 7}` })}\n${JSON.stringify({ id: "same", text: "same" })}\nbroken\n`,
      );
    const whole = await importCorpus(
      buildOptions(join(folder, "many"), { name: "whole", runId: RUN.replace("aa", "bb") }),
    );
    for (const [files, journalMs] of [
      [20, 0],
      [50, 60_000],
    ] as const) {
      const stop = new AbortController();
      const onProgress = (detail: string): void => {
        if (detail.startsWith(`${files + 1} passages`))
          stop.abort(new AppError("cancelled", "stopped"));
      };
      await expect(
        importCorpus(
          buildOptions(join(folder, "many"), {
            signal: stop.signal,
            onProgress,
            journalMs,
            progressMs: 0,
          }),
        ),
      ).rejects.toThrow("stopped");
    }
    const manifest = await importCorpus(buildOptions(join(folder, "many")));
    expect(await readFile(imported())).toEqual(await readFile(imported("whole")));
    expect(manifest).toMatchObject({
      documents: 61,
      badLines: whole.badLines,
      duplicates: whole.duplicates,
    });
  });

  it("without a good passage is an error that shows why, and leaves no corpus", async () => {
    await expect(importCorpus(buildOptions(await writeText("x.jsonl", "")))).rejects.toThrow(
      "holds no passage at all",
    );
    await expect(
      importCorpus(
        buildOptions(await writeText("y.jsonl", "nonsense\n"), { runId: RUN.replace("aa", "bb") }),
      ),
    ).rejects.toThrow(
      /holds no good passage; 1 lines cannot be used:\ny.jsonl, line 1 is not JSON/,
    );
    await expect(stat(imported())).rejects.toThrow();
  });

  it("refuses what cannot be told apart or is not there", async () => {
    await expect(importCorpus(buildOptions(join(folder, "none.jsonl")))).rejects.toThrow(
      "There is no file or folder",
    );
    await expect(importCorpus(buildOptions(await writeText("x.bin", "x")))).rejects.toThrow(
      'has no column "text"; its columns are "x"',
    );
    await writeText("mixed/a.jsonl", "{}");
    await writeText("mixed/b.csv", "id,text\n1,x\n");
    await expect(importCorpus(buildOptions(join(folder, "mixed")))).rejects.toThrow(
      "several formats: 1 jsonl, 1 csv",
    );
    const path = await writeText("ok.jsonl", '{"id":"a","text":"a"}');
    await importCorpus(buildOptions(path));
    await expect(
      importCorpus(buildOptions(path, { runId: RUN.replace("aa", "cc") })),
    ).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("already") as string,
    });
    await expect(importCorpus(buildOptions(path, { name: "atlas" }))).rejects.toMatchObject({
      code: "conflict",
    });
    // The same run again has nothing left to do.
    expect((await importCorpus(buildOptions(path))).documents).toBe(1);
    await expect(
      importCorpus(
        buildOptions(
          await writeText("cut.jsonl.gz", gzipSync('{"id":"a","text":"a"}\n').subarray(0, 20)),
          {
            name: "cut",
            runId: RUN.replace("aa", "dd"),
          },
        ),
      ),
    ).rejects.toThrow("is not a whole gzip file");
  });
});

/** Many lines with everything that can be wrong with one. */
const lines = Array.from({ length: 3000 }, (_, i) =>
  i % 97 === 5
    ? "broken"
    : i % 50 === 7
      ? JSON.stringify({ id: "d1", text: "d1" })
      : JSON.stringify({ id: `d${i}`, title: `T${i}`, text: `d${i % 1000} words and words` }),
);

const FOLDER = "many";
const PARTS = "x.jsonl.gz.";
const SEPARATOR = "\f";
const sources: [string, string, () => string | Buffer][] = [
  ["JSONL", "x.jsonl", () => lines.join("\n")],
  ["gzipped JSONL", "x.jsonl.gz", () => gzipSync(lines.join("\n"))],
  [
    "CSV",
    "x.csv",
    () =>
      [
        "id,title,text",
        ...lines.map((_, i) =>
          i % 97 === 5
            ? "too,many,fields,here"
            : `d${i},"T ""${i}""","text of ${i},\nwith a break"`,
        ),
      ].join("\n"),
  ],
  [
    "many files",
    FOLDER,
    () =>
      Array.from({ length: 100 }, (_, i) => lines.slice(i * 30, i * 30 + 30).join("\n")).join(
        SEPARATOR,
      ),
  ],
  ["gzip in parts", PARTS, () => gzipSync(lines.join("\n"))],
  [
    "text with bad bytes",
    "x.txt",
    () =>
      Buffer.from(
        Array.from(
          { length: 12_000 },
          (_, i) => `line ${i} ${i % 90 === 0 ? "\xff" : "is good"}`,
        ).join("\n"),
        "latin1",
      ),
  ],
  [
    "TSV",
    "x.tsv",
    () =>
      ["id\ttext", ...lines.map((_, i) => (i % 97 === 5 ? "broken" : `d${i}\t"text of ${i}`))].join(
        "\n",
      ),
  ],
  [
    "CSV with a quote that is never closed",
    "x.csv",
    () =>
      ["id,text", ...lines.map((_, i) => (i === 1500 ? 'open,"' : `d${i},text of ${i}`))].join(
        "\n",
      ),
  ],
  [
    "text",
    "x.md",
    () =>
      Array.from(
        { length: 400 },
        (_, i) =>
          `# Part ${i}\n\n${Array.from({ length: 60 }, (_, w) => `word${(i * w) % 71}`).join(" ")}.\n`,
      ).join("\n"),
  ],
];

/** A file, a folder of many small ones, or parts of one. */
async function writeSource(name: string, content: string | Buffer): Promise<string> {
  if (name === PARTS) return writeParts(folder, PARTS, content, 7);
  if (name !== FOLDER) return writeText(name, content);
  for (const [i, part] of content.toString().split(SEPARATOR).entries())
    await writeText(join(FOLDER, `${String(i).padStart(3, "0")}.jsonl`), part);
  return join(folder, FOLDER);
}

/** Each costs the start of a process that reads. */
const INTERRUPTIONS = 5;

describe.each(sources)("an interrupted import of %s", (_kind, name, content) => {
  it("goes on where it was, and equals one that was not, byte for byte", async () => {
    const path = await writeSource(name, content());
    const settings = { chunkTokens: 16, chunkOverlap: 4 };
    const undisturbed = await importCorpus(buildOptions(path, { name: "whole", settings }));
    let interruptions = 0;
    let manifest: CorpusManifest | null = null;
    const runId = RUN.replace("aa", "ee");
    while (manifest === null) {
      const stop = new AbortController();
      // Each try gets a little further than the one before: it ends at the third report after the journal.
      let reports = 0;
      const onProgress = (detail: string): void => {
        if (/passages/.test(detail) && ++reports === 3 && interruptions < INTERRUPTIONS)
          stop.abort(new AppError("cancelled", "stopped"));
      };
      try {
        manifest = await importCorpus(
          buildOptions(path, {
            name: "parts",
            settings,
            runId,
            signal: stop.signal,
            onProgress,
            journalMs: 0,
            progressMs: 0,
          }),
        );
      } catch (error) {
        expect(error).toMatchObject({ code: "cancelled" });
        interruptions += 1;
      }
    }
    expect(interruptions).toBe(INTERRUPTIONS);
    expect(await readFile(imported("parts"))).toEqual(await readFile(imported("whole")));
    const comparable = ({
      name: _name,
      runId: _runId,
      importedAt: _at,
      ...rest
    }: CorpusManifest): unknown => rest;
    expect(comparable(manifest)).toEqual(comparable(undisturbed));
  }, 60_000);
});
