import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DenseIndex } from "./dense-index";

const DIM = 8;
const identity = { corpusHash: "corpus", encoderFingerprint: "encoder", encoder: "test" };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "index-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Vectors of small whole numbers: exact in any order of summation, and full of equal scores. */
const vector = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: DIM, maxLength: DIM });

function bruteForce(vectors: readonly (readonly number[])[], query: readonly number[], k: number): { row: number; score: number }[] {
  const dot = (v: readonly number[]): number => v.reduce((sum, x, i) => sum + x * (query[i] ?? 0), 0);
  return vectors
    .map((v, row) => ({ row, score: dot(v) }))
    .sort((a, b) => b.score - a.score || a.row - b.row)
    .slice(0, k);
}

async function indexOf(vectors: readonly (readonly number[])[]): Promise<DenseIndex> {
  const index = await DenseIndex.create(DIM);
  await index.add(Float32Array.from(vectors.flat()));
  return index;
}

describe("the flat index", () => {
  it("ranks as the dot products do, equal scores by row, whatever k and however many queries", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(vector, { maxLength: 60 }), fc.array(vector, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 80 }), async (vectors, queries, k) => {
        const index = await indexOf(vectors);
        try {
          const ranked = await index.search(Float32Array.from(queries.flat()), k);
          expect(ranked).toEqual(queries.map((query) => bruteForce(vectors, query, k)));
        } finally {
          await index.close();
        }
      }),
      { numRuns: 10 },
    );
  });

  it("ranks thousands of equal documents by row", async () => {
    const index = await indexOf(Array<number[]>(3000).fill([1, 0, 0, 0, 0, 0, 0, 0]));
    const [ranked] = await index.search(Float32Array.from([2, 0, 0, 0, 0, 0, 0, 0]), 5);
    expect(ranked).toEqual([0, 1, 2, 3, 4].map((row) => ({ row, score: 2 })));
    await index.close();
  });

  it("has nothing to give where it is empty", async () => {
    const index = await DenseIndex.create(DIM);
    await index.add(new Float32Array(0));
    expect(await index.search(new Float32Array(2 * DIM), 3)).toEqual([[], []]);
    await index.save(folder, identity);
    await index.close();
    const loaded = await DenseIndex.load(folder, identity);
    expect(loaded.size).toBe(0);
    expect(await loaded.search(new Float32Array(DIM), 3)).toEqual([[]]);
    await loaded.close();
  });

  describe("on disk", () => {
    const vectors = Array.from({ length: 50 }, (_, row) => Array.from({ length: DIM }, (_, i) => ((row * 7 + i * 3) % 11) - 5));
    let saved: DenseIndex;
    beforeAll(async () => {
      saved = await indexOf(vectors.slice(0, 20));
      await saved.add(Float32Array.from(vectors.slice(20).flat()));
    });
    afterAll(() => saved.close());
    beforeEach(() => saved.save(folder, identity));

    it("is the same after saving and loading", async () => {
      const loaded = await DenseIndex.load(folder, identity);
      const query = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(await loaded.search(query, 50)).toEqual(await saved.search(query, 50));
      expect(loaded.size).toBe(50);
      await loaded.close();
    });

    it("refuses another corpus and another encoder", async () => {
      await expect(DenseIndex.load(folder, { ...identity, corpusHash: "other" })).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("belongs to another corpus") as string });
      await expect(DenseIndex.load(folder, { ...identity, encoderFingerprint: "other" })).rejects.toMatchObject({ code: "conflict", message: expect.stringContaining("made by another encoder") as string });
    });

    it("refuses what is truncated, overwritten or not there", async () => {
      await expect(DenseIndex.load(join(folder, "none"), identity)).rejects.toMatchObject({ code: "not-found" });
      await truncate(join(folder, "vectors.faiss"), 700);
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow(/is damaged: its vector file has 700 bytes instead of \d+; delete the folder/);
      await saved.save(folder, identity);
      await writeFile(join(folder, "vectors.faiss"), Buffer.alloc(50 * DIM * 4 + 45));
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow("is not a FAISS index");
      await writeFile(join(folder, "manifest.json"), "{");
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow("its manifest is not JSON");
      await writeFile(join(folder, "manifest.json"), "{}");
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow("corpusHash:");
    });
  });
});
