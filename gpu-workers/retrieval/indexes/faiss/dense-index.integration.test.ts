import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DenseIndex, INDEX_FILE, startFaissThread, writeIndexManifest } from "./dense-index";
import { loadFaissAddon } from "./faiss-addon";
import { buildFlatHeader } from "./build-index";

const DIM = 8;
const identity = {
  corpusHash: "corpus",
  encoderFingerprint: "encoder",
  encoder: "test",
  factory: "Flat",
};

/** A flat index of FAISS on the disk, with its manifest. */
async function save(directory: string, vectors: readonly (readonly number[])[]): Promise<void> {
  const bytes = Buffer.concat([
    buildFlatHeader(DIM, vectors.length),
    Buffer.from(Float32Array.from(vectors.flat()).buffer),
  ]);
  await writeFile(join(directory, INDEX_FILE), bytes);
  await writeIndexManifest(directory, {
    version: 2,
    ...identity,
    count: vectors.length,
    dim: DIM,
    file: INDEX_FILE,
    bytes: bytes.length,
  });
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "index-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Vectors of small whole numbers: exact in any order of summation, and full of equal scores. */
const vector = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: DIM, maxLength: DIM });

function searchAll(
  vectors: readonly (readonly number[])[],
  query: readonly number[],
  k: number,
): { row: number; score: number }[] {
  const dot = (v: readonly number[]): number =>
    v.reduce((sum, x, i) => sum + x * (query[i] ?? 0), 0);
  return vectors
    .map((v, row) => ({ row, score: dot(v) }))
    .sort((a, b) => b.score - a.score || a.row - b.row)
    .slice(0, k);
}

async function buildIndex(vectors: readonly (readonly number[])[]): Promise<DenseIndex> {
  await save(folder, vectors);
  return DenseIndex.load(folder, identity);
}

describe("the flat index", () => {
  it(
    "ranks as the dot products do, equal scores by row, whatever k and however many queries",
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(vector, { maxLength: 60 }),
          fc.array(vector, { minLength: 1, maxLength: 40 }),
          fc.integer({ min: 1, max: 80 }),
          async (vectors, queries, k) => {
            const index = await buildIndex(vectors);
            try {
              const ranked = await index.search(Float32Array.from(queries.flat()), k);
              expect(ranked).toEqual(queries.map((query) => searchAll(vectors, query, k)));
            } finally {
              await index.close();
            }
          },
        ),
        { numRuns: 10 },
      );
    },
  );

  it("ranks thousands of equal documents by row", async () => {
    const index = await buildIndex(Array<number[]>(3000).fill([1, 0, 0, 0, 0, 0, 0, 0]));
    const [ranked] = await index.search(Float32Array.from([2, 0, 0, 0, 0, 0, 0, 0]), 5);
    expect(ranked).toEqual([0, 1, 2, 3, 4].map((row) => ({ row, score: 2 })));
    await index.close();
  });

  it("has nothing to give where it is empty", async () => {
    const index = await buildIndex([]);
    expect(index.size).toBe(0);
    expect(await index.search(new Float32Array(2 * DIM), 3)).toEqual([[], []]);
    await index.close();
  });

  describe("on disk", () => {
    const vectors = Array.from({ length: 50 }, (_, row) =>
      Array.from({ length: DIM }, (_, i) => ((row * 7 + i * 3) % 11) - 5),
    );
    beforeEach(() => save(folder, vectors));

    it("is what FAISS writes and reads, byte for byte", async () => {
      const { VectorIndex } = loadFaissAddon();
      const faiss = new VectorIndex(DIM, "Flat");
      faiss.add(Float32Array.from(vectors.flat()));
      faiss.write(join(folder, "by-faiss"));
      expect(await readFile(join(folder, INDEX_FILE))).toEqual(
        await readFile(join(folder, "by-faiss")),
      );
      const read = new VectorIndex(join(folder, INDEX_FILE), true);
      expect([read.count, read.dim, read.metric]).toEqual([50, DIM, "inner-product"]);
    });

    it("refuses another corpus and another encoder", async () => {
      await expect(
        DenseIndex.load(folder, { ...identity, corpusHash: "other" }),
      ).rejects.toMatchObject({
        code: "conflict",
        message: expect.stringContaining("belongs to another corpus") as string,
      });
      await expect(
        DenseIndex.load(folder, { ...identity, encoderFingerprint: "other" }),
      ).rejects.toMatchObject({
        code: "conflict",
        message: expect.stringContaining("made by another encoder") as string,
      });
    });

    it("refuses what is truncated, overwritten or not there", async () => {
      await expect(DenseIndex.load(join(folder, "none"), identity)).rejects.toMatchObject({
        code: "not-found",
      });
      await truncate(join(folder, "vectors.faiss"), 700);
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow(
        /is damaged: its vector file has 700 bytes instead of \d+; delete the folder/,
      );
      await save(folder, vectors);
      await writeFile(join(folder, "vectors.faiss"), Buffer.alloc(50 * DIM * 4 + 45));
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow("is not a FAISS index");
      await writeFile(
        join(folder, "vectors.faiss"),
        Buffer.concat([buildFlatHeader(DIM, 60), Buffer.alloc(50 * DIM * 4)]),
      );
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow(
        "is truncated: its header promises 60 vectors of length 8, it has room for 50",
      );
      await writeFile(join(folder, "manifest.json"), "{");
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow("its manifest is not JSON");
      await writeFile(join(folder, "manifest.json"), "{}");
      await expect(DenseIndex.load(folder, identity)).rejects.toThrow("corpusHash:");
    });
  });

  it("gives a query the same scores whatever it is searched together with", async () => {
    const random = Array.from({ length: 300 }, (_, row) =>
      Array.from({ length: DIM }, (_, i) => Math.sin(row * 12.9898 + i * 78.233)),
    );
    const index = await buildIndex(random);
    const queries = random.slice(0, 53).map((own) => own.map((x) => x * 1.1));
    const together = await index.search(Float32Array.from(queries.flat()), 7);
    for (const [q, query] of queries.entries())
      expect(await index.search(Float32Array.from(query), 7)).toEqual([together[q]]);
    await index.close();
  });
});

describe("indexes of other kinds", () => {
  it("tell what they cannot do as errors, and live on", () => {
    const { FlatFile, VectorIndex } = loadFaissAddon();
    expect(() => new VectorIndex(DIM, "Nonsense")).toThrow("could not parse index string");
    expect(() => new VectorIndex(join(folder, "none"), false)).toThrow(/could not open/);
    expect(() => new FlatFile(join(folder, "none"), false)).toThrow("No such file or directory");
    const index = new VectorIndex(DIM, "IVF4,Flat");
    expect(index.isTrained).toBe(false);
    expect(() => index.add(new Float32Array(DIM))).toThrow();
    expect(() => index.train(new Float32Array(3), new Int32Array(1))).toThrow(
      "3 numbers are no vectors of length 8",
    );
    expect(() => index.setParameter("efSearch", 3)).toThrow("could not set parameter efSearch");
    expect(() => index.write(join(folder, "no", "folder"))).toThrow("No such file or directory");
  });

  it("are read into memory, or left on the disk where they take more than their share of what this process may use", async () => {
    const index = new (loadFaissAddon().VectorIndex)(DIM, "HNSW8");
    index.add(Float32Array.from({ length: 200 * DIM }, (_, i) => Math.sin(i)));
    const path = join(folder, "graph");
    index.write(path);
    const { size } = await stat(path);
    const thread = startFaissThread();
    try {
      const mapped = async (memoryBytes?: number): Promise<boolean> =>
        (await thread.call("load", { path, flat: false, parameters: {}, memoryBytes })).mapped;
      expect([await mapped(), await mapped(size * 3), await mapped(size * 2)]).toEqual([
        false,
        false,
        true,
      ]);
    } finally {
      await thread.terminate();
    }
  });
});
