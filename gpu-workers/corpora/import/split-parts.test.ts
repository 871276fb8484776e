import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { joinParts, openJoinedBytes } from "./split-parts";

const listFiles = (...names: string[]) =>
  names.map((name) => ({ path: `/d/${name}`, name, bytes: 10 }));
const describeParts = (...names: string[]) =>
  joinParts(listFiles(...names)).map(({ name, bytes, parts }) => [
    name,
    bytes,
    ...(parts ?? []).map((part) => part.name),
  ]);

describe("parts of a file", () => {
  it("are one, in the order of their names, whatever order they came in; other files stay", () => {
    expect(describeParts("a.jsonl", "part_ab", "part_aa", "z.jsonl", "part_ac")).toEqual([
      ["a.jsonl", 10],
      ["part_aa", 30, "part_aa", "part_ab", "part_ac"],
      ["z.jsonl", 10],
    ]);
    expect(
      describeParts("w.jsonl.gz.part_ab", "w.jsonl.gz.part_aa", "e.part-01", "e.part-02"),
    ).toEqual([
      ["w.jsonl.gz", 20, "w.jsonl.gz.part_aa", "w.jsonl.gz.part_ab"],
      ["e", 20, "e.part-01", "e.part-02"],
    ]);
    expect(describeParts("x/part_aa", "y/part_aa", "w.gz.partaa", "w.gz.partab")).toEqual([
      ["x/part_aa", 10, "x/part_aa"],
      ["y/part_aa", 10, "y/part_aa"],
      ["w.gz", 20, "w.gz.partaa", "w.gz.partab"],
    ]);
  });

  it.each([
    "part-00001.jsonl",
    "part-00001",
    "party",
    "partner",
    "part_",
    "my-part-x.txt",
    "spart_aa",
  ])("%s is none", (name) => expect(describeParts(name)).toEqual([[name, 10]]));

  it.each([
    [["part_aa", "part_ac", "part_ad"], "part_ab"],
    [["part_ab", "part_ac"], "part_aa"],
    [["w.gz.part_00", "w.gz.part_02"], "w.gz.part_01"],
    [["w.part-02", "w.part-03"], "w.part-00"],
  ])("%j lack %s, which is said", (names, missing) =>
    expect(() => joinParts(listFiles(...names))).toThrow(`The part ${missing} is missing`),
  );

  it("of any number are in order, and none of them can be missing within", () => {
    const letters = [..."abcdefghijklmnopqrstuvwxyz"];
    const names = letters.flatMap((a) => letters.map((b) => `part_${a}${b}`));
    fc.assert(
      fc.property(fc.integer({ min: 3, max: names.length }), fc.nat(), (count, at) => {
        const some = names.slice(0, count);
        const [whole] = joinParts(listFiles(...some.toReversed()));
        expect(whole!.parts!.map(({ name }) => name)).toEqual(some);
        const missing = at % (count - 1);
        expect(() => joinParts(listFiles(...some.toSpliced(missing, 1)))).toThrow(
          `The part ${names[missing]!} is missing`,
        );
      }),
      { numRuns: 30 },
    );
  });
});

describe("the bytes of parts", () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), "s3-parts-"))));
  afterAll(() => rm(folder, { recursive: true }));

  it("are those of the whole, or as many of its first as are asked for", async () => {
    const paths = await Promise.all(
      ["abcde", "", "fgh", "ij"].map(async (text, i) => {
        const path = join(folder, `${i}`);
        await writeFile(path, text);
        return path;
      }),
    );
    for (const length of [0, 1, 5, 6, 9, 10, 11, Infinity]) {
      const joined = openJoinedBytes(paths, { chunkBytes: 2, length });
      const chunks: Buffer[] = [];
      for await (const chunk of joined.bytes) chunks.push(chunk);
      const expected = "abcdefghij".slice(0, length);
      expect([Buffer.concat(chunks).toString(), joined.getOffset()]).toEqual([
        expected,
        expected.length,
      ]);
    }
  });
});
