import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TextTokenizer } from "@/gpu-workers/runtime/text-tokenizer";
import type { CorpusItem } from "@/core/corpora/read-corpus-records";
import { openSourceFile } from "./open-source-file";
import type { ReadingOptions } from "./source-files";
import { buildReadingOptions } from "./testing/reading-options";

/** Twice the block of a reader, and more. */
const LONG = 600_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "text-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(
  content: string | Buffer,
  name = "f.txt",
  { from = 0, ...changes }: Partial<ReadingOptions> & { from?: number } = {},
): Promise<CorpusItem[]> {
  const path = join(folder, name);
  await writeFile(path, content);
  const { size: bytes } = await stat(path);
  const reading = buildReadingOptions({ chunkOverlap: 0, ...changes });
  const file = await openSourceFile({ path, name, bytes }, "text", reading, from);
  const items: CorpusItem[] = [];
  for await (const batch of file.batches) items.push(...batch);
  await file.close();
  return items;
}
const texts = (items: readonly CorpusItem[]): string[] =>
  items.flatMap(({ record }) => (record ? [record.text] : []));
const problems = (items: readonly CorpusItem[]): [number, string][] =>
  items.flatMap(({ line, problem }) =>
    problem === null ? [] : [[line, problem.slice(0, 30)] as [number, string]],
  );
const NOT_UTF8 = "holds bytes that are not UTF-8";

describe("a text", () => {
  it("without white space is given in parts, and what follows it too", async () => {
    const items = await read(`before ${"x".repeat(2 * LONG)}\nafter it`);
    const given = texts(items);
    expect(given.join("").replace(/\s/g, "")).toHaveLength(2 * LONG + "beforeafterit".length);
    expect(given.at(-1)).toMatch(/after it$/);
    // By the tokenizer such a word is one unknown token: it must not make a passage of any length.
    expect(Math.max(...given.map((text) => text.length))).toBeLessThan(2000);
  });

  it.each([" ", "\n", "\t\r\n"])("with a long run of %j loses nothing around it", async (space) => {
    const items = await read(`one two${space.repeat(LONG)}three${space.repeat(LONG)}`);
    expect(texts(items)).toEqual(["one two", "three"]);
    expect(items.map(({ line }) => line)).toEqual([1, space.includes("\n") ? LONG + 1 : 1]);
  });

  it("with a heading of many spaces or characters is read at once, and its title stays short", async () => {
    const items = await read(
      `# a${" ".repeat(LONG)}b ##\nbelow\n\n# ${"y".repeat(5000)}\nunder it`,
      "f.md",
    );
    expect(items.every(({ record }) => record && record.title.length <= 512)).toBe(true);
    expect(
      (await read("#\n\ntext\n## A title ##\nwords", "g.md")).map(({ record }) => record?.title),
    ).toEqual(["g"]);
    expect((await read("## A title ##\nwords", "h.md")).map(({ record }) => record?.title)).toEqual(
      ["A title"],
    );
  });

  it("with bytes that are not UTF-8 keeps all that is, and tells each such line once", async () => {
    const words = Array.from(
      { length: 4_500 },
      (_, i) => `the line ${i % 10} of a text ${"in words ".repeat(12)}`,
    );
    const broken = (at: number): Buffer =>
      Buffer.concat([
        Buffer.from(`${words.slice(0, at).join("\n")}\nb`),
        Buffer.from([0xff, 0x20, 0xe2, 0x82]),
        Buffer.from(`d \ufffd\n${words.slice(at).join("\n")}`),
      ]);
    const content = Buffer.concat([
      Buffer.from("\ufefffine \ufffd itself\n"),
      broken(3),
      Buffer.from("\n"),
      broken(4_000),
      Buffer.from([0xc3]),
    ]);
    const items = await read(content);
    // Two lines with broken bytes, and the end of the file, where a character is cut off.
    expect(problems(items)).toEqual(
      [5, 4_502 + 4_001, 4_502 + 4_501].map((line) => [line, NOT_UTF8]),
    );
    // Words are cut where nothing is shared; no character is lost.
    const plain = (text: string): string => text.replace(/\s+/g, "");
    expect(plain(texts(items).join("")) === plain(content.toString("utf8"))).toBe(true);
    expect(items.flatMap(({ record }) => (record ? [record.id] : []))).toEqual(
      texts(items).map((_, i) => `f.txt#${i + 1}`),
    );
    // The same where it is unpacked in other pieces, and from any place on.
    expect(await read(gzipSync(content))).toEqual(items);
    for (const from of [1, 2, 3, items.length - 1])
      expect(await read(content, "f.txt", { from })).toEqual(items.slice(from));
  });

  it("in another encoding is left out with its name, and read where it is set", async () => {
    const utf16 = Buffer.from("\ufeffabc äöü\n", "utf16le");
    expect(await read(utf16)).toEqual([
      {
        line: 1,
        record: null,
        problem: expect.stringContaining(
          "UTF-16 (little endian), so the file was left out",
        ) as string,
      },
    ]);
    expect(texts(await read(utf16, "f.txt", { encoding: "utf-16le" }))).toEqual(["abc äöü"]);
    const latin = Buffer.from("caf\xe9 \x96 na\xefve", "latin1");
    expect(texts(await read(latin, "f.txt", { encoding: "windows-1252" }))).toEqual([
      "café – naïve",
    ]);
    expect(await read(Buffer.from("\0\xff\xfea\xffb\xff".repeat(20), "latin1"))).toMatchObject([
      { record: null, problem: "is binary, not text, so the file was left out" },
    ]);
  });

  it("does not have the tokenizer read again for each file", async () => {
    const load = vi.spyOn(TextTokenizer, "load");
    for (const name of ["a.txt", "b.txt", "c.txt"])
      expect(texts(await read("words", name))).toEqual(["words"]);
    expect(load.mock.calls.length).toBeLessThanOrEqual(1);
    load.mockRestore();
  });
});
