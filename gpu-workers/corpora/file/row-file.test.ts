import { mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CorpusFile } from "./corpus-file";
import { loadRows, readRowHeader, getRowFilePath, saveRows } from "./row-file";
import { hash32, Offsets, RowTable, SeenTexts } from "./row-table";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rows-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("a table of rows", () => {
  it("finds every row by its hash, also where hashes are equal, while it grows and afterwards", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(50), fc.nat(0xffff_ffff)), { maxLength: 4000, minLength: 1 }),
        (hashes) => {
          const table = RowTable.createEmpty();
          for (const hash of hashes) table.add(hash);
          const check = (of: RowTable): void => {
            for (const hash of new Set(hashes))
              expect([...of.findCandidates(hash)].sort((a, b) => a - b)).toEqual(
                hashes.flatMap((other, row) => (other === hash ? [row] : [])),
              );
          };
          check(table);
          const { hashes: kept, slots } = table.toArrays();
          check(table);
          check(RowTable.fromArrays(kept, slots));
          expect(
            [...table.findCandidates(hashes[0] === 7 ? 8 : 7)].every(
              (row) => hashes[row] === (hashes[0] === 7 ? 8 : 7),
            ),
          ).toBe(true);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("takes under 18 bytes a passage, offsets included", () => {
    const table = RowTable.createEmpty();
    const starts = new Offsets();
    for (let i = 0; i < 100_000; i++) {
      table.add(hash32(`passage ${i}`));
      starts.add(i * 700);
    }
    table.toArrays();
    expect((table.byteLength + starts.toArray().byteLength) / table.size).toBeLessThan(18);
  });
});

describe("texts seen", () => {
  it("are told apart, however many", () => {
    const seen = new SeenTexts();
    for (let i = 0; i < 30_000; i++) expect(seen.add(`text ${i}`)).toBe(false);
    for (let i = 0; i < 30_000; i += 7) expect(seen.add(`text ${i}`)).toBe(true);
  });
});

describe("saved rows", () => {
  const lines = Array.from({ length: 300 }, (_, i) =>
    JSON.stringify({ id: `d${i}`, title: "", text: `text ${i} ${"ü".repeat(i % 17)}` }),
  );

  it("open a corpus without reading it, and only the one that they are of", async () => {
    const path = join(folder, "documents.jsonl");
    await writeFile(path, lines.join("\n"));
    const scanned = await CorpusFile.open(path);
    const { size: bytes, mtimeMs } = await stat(path);
    const table = RowTable.createEmpty();
    const starts = new Offsets();
    let offset = 0;
    for (const [i, line] of lines.entries()) {
      table.add(hash32(`d${i}`));
      starts.add(offset);
      offset += Buffer.byteLength(line) + 1;
    }
    starts.add(bytes);
    await saveRows(
      path,
      { bytes, mtimeMs },
      { hash: scanned.hash, starts: starts.toArray(), table },
    );
    expect(await readRowHeader(path, { bytes, mtimeMs })).toMatchObject({
      documents: 300,
      hash: scanned.hash,
    });

    const opened = await CorpusFile.open(path);
    expect([opened.hash, opened.size]).toEqual([scanned.hash, 300]);
    expect(await opened.readRows([0, 150, 299])).toEqual(await scanned.readRows([0, 150, 299]));
    expect([opened.findRow("d0"), opened.findRow("d299"), opened.findRow("d300")]).toEqual([
      0,
      299,
      undefined,
    ]);
    const texts: string[] = [];
    for await (const { record } of opened.scanRows(297)) texts.push(record.id);
    expect(texts).toEqual(["d297", "d298", "d299"]);
    await opened.close();

    // A file of another time, a rows file that was cut, or nonsense: not believed, and the corpus is read again.
    const later = new Date(Date.now() + 5000);
    await utimes(path, later, later);
    expect(await loadRows(path, { bytes, mtimeMs: (await stat(path)).mtimeMs })).toBeNull();
    await utimes(path, new Date(mtimeMs), new Date(mtimeMs));
    await truncate(getRowFilePath(path), 3000);
    expect(await loadRows(path, { bytes, mtimeMs })).toBeNull();
    await writeFile(getRowFilePath(path), "nonsense");
    const again = await CorpusFile.open(path);
    expect(again.hash).toBe(scanned.hash);
    await again.close();
    await scanned.close();
  });

  it("are written for a large file that was put there by hand", async () => {
    const path = join(folder, "large.jsonl");
    await writeFile(
      path,
      Array.from({ length: 9000 }, (_, i) =>
        JSON.stringify({ id: i, text: "x".repeat(1000) }),
      ).join("\n"),
    );
    const first = await CorpusFile.open(path);
    expect((await readFile(getRowFilePath(path))).length).toBeGreaterThan(9000 * 16);
    const second = await CorpusFile.open(path);
    expect([second.hash, second.size, second.findRow("8999")]).toEqual([first.hash, 9000, 8999]);
    await first.close();
    await second.close();
  });
});
