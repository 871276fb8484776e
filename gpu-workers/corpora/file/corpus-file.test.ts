import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashDocument } from "@/core/episode/document-hash";
import { CorpusFile, readQuestions } from "./corpus-file";
import { readLines } from "./lines";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corpus-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function writeText(content: string | Buffer): Promise<string> {
  const path = join(folder, "file.jsonl");
  await writeFile(path, content);
  return path;
}

describe("lines", () => {
  it("know their number, place and text, across chunks and line endings", async () => {
    const long = "ä".repeat(1_500_000); // crosses the reader's chunks inside a character
    const path = await writeText(`\ufefffirst\r\n\n${long}\nlast`);
    const lines = [];
    for await (const { number, text, offset, length } of readLines(path))
      lines.push({ number, text, offset, length });
    expect(lines.map((line) => line.text)).toEqual(["first", "", long, "last"]);
    expect(lines.map((line) => line.number)).toEqual([1, 2, 3, 4]);
    expect(lines.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 8],
      [10, 0],
      [11, 3_000_000],
      [3_000_012, 4],
    ]);
  });

  it("that are too long or not UTF-8 are errors with their number", async () => {
    const read = async (content: Buffer, limit?: number): Promise<void> => {
      for await (const _ of readLines(await writeText(content), limit)) void _;
    };
    await expect(read(Buffer.from("ok\nabc\xff\n", "latin1"))).rejects.toThrow(
      "line 2 is not valid UTF-8",
    );
    await expect(
      read(Buffer.from(`ok\n${"x".repeat(1024 * 1024 + 1)}`), 1024 * 1024),
    ).rejects.toThrow("line 2 is longer than 1 MiB");
  });
});

describe("a corpus file", () => {
  const lines = [
    '{"id":"a","title":"A","text":"first"}',
    '{"id":"b","contents":"\\"B\\"\\nsecond ü"}',
    '{"id":"c","text":"third"}',
  ];

  it("gives documents by row and by id", async () => {
    const corpus = await CorpusFile.open(
      await writeText(`${lines[0]}\n\n${lines[1]}\r\n${lines[2]}`),
    );
    expect(corpus.size).toBe(3);
    expect(corpus.findRow("c")).toBe(2);
    expect(corpus.findRow("z")).toBeUndefined();
    expect(await corpus.readRows([2, 1, 1])).toEqual([
      { id: "c", title: "", text: "third", hash: hashDocument({ title: "", text: "third" }) },
      {
        id: "b",
        title: "B",
        text: "second ü",
        hash: hashDocument({ title: "B", text: "second ü" }),
      },
      {
        id: "b",
        title: "B",
        text: "second ü",
        hash: hashDocument({ title: "B", text: "second ü" }),
      },
    ]);
    await corpus.close();
  });

  it("is known by its documents and their order, not by its layout", async () => {
    const hashCorpus = async (content: string): Promise<string> => {
      const corpus = await CorpusFile.open(await writeText(content));
      await corpus.close();
      return corpus.hash;
    };
    const hash = await hashCorpus(lines.join("\n"));
    expect(
      await hashCorpus(
        `${lines[0]}\n${'{ "text": "second ü", "title": "B", "id": "b", "x": 1 }'}\r\n\n${lines[2]}\n`,
      ),
    ).toBe(hash);
    expect(await hashCorpus([...lines].reverse().join("\n"))).not.toBe(hash);
    expect(await hashCorpus(lines.slice(0, 2).join("\n"))).not.toBe(hash);
  });

  it("may be empty", async () => {
    const corpus = await CorpusFile.open(await writeText(""));
    expect(corpus.size).toBe(0);
    expect(await corpus.readRows([])).toEqual([]);
    await corpus.close();
  });

  it("says what is wrong with it", async () => {
    await expect(CorpusFile.open(join(folder, "missing.jsonl"))).rejects.toThrow(
      "there is no corpus file at",
    );
    await expect(CorpusFile.open(folder)).rejects.toThrow("is not a file");
    await expect(CorpusFile.open(await writeText(`${lines[0]}\n{"id": `))).rejects.toThrow(
      'line 2 is not JSON: {"id":',
    );
    await expect(CorpusFile.open(await writeText(`${lines[0]}\n\n${lines[0]}`))).rejects.toThrow(
      'line 3 repeats the id "a" of line 1',
    );
  });

  it("that is changed while in use is noticed", async () => {
    const path = await writeText(lines.join("\n"));
    const corpus = await CorpusFile.open(path);
    await writeFile(path, lines.slice(1).join("\n"));
    await expect(corpus.readRows([0])).rejects.toThrow("was changed while it was in use");
    await expect(corpus.readRows([2])).rejects.toThrow("was changed while it was in use");
    await corpus.close();
  });
});

describe("an imported corpus", () => {
  const lines = ["a", "b", "c"].map((id) => `{"id":"${id}","title":"","text":"${id}"}\n`);
  const path = (): string => join(folder, "documents.jsonl");
  async function prepare(): Promise<void> {
    await writeFile(path(), lines.join(""));
    const corpus = await CorpusFile.open(path());
    await corpus.close();
    const manifest = { version: 1, bytes: lines.join("").length, hash: corpus.hash };
    await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  }

  it("that was cut at a line's end, or changed, is not used", async () => {
    await prepare();
    await (await CorpusFile.open(path())).close();
    await writeFile(path(), lines.slice(0, 2).join(""));
    await expect(CorpusFile.open(path())).rejects.toThrow(
      `has ${lines.slice(0, 2).join("").length} bytes where its import wrote ${lines.join("").length}: it was cut or changed`,
    );
    await writeFile(path(), lines.join("").replace('"text":"b"', '"text":"x"'));
    await expect(CorpusFile.open(path())).rejects.toThrow("holds other documents than its import");
  });
});

describe("a question file", () => {
  it("is read and checked", async () => {
    expect(
      await readQuestions(await writeText('{"id":"q","question":"Who?","answers":["x"]}\n')),
    ).toHaveLength(1);
    await expect(readQuestions(join(folder, "missing.jsonl"))).rejects.toThrow(
      "there is no question file at",
    );
    await expect(readQuestions(await writeText("\n"))).rejects.toThrow("holds no question");
  });
});
