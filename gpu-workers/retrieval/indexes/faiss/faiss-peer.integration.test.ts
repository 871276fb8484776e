import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";
import { loadFaissAddon } from "./faiss-addon";
import { buildFlatHeader } from "./build-index";

/** faiss-cpu of the bench's own environment: `npm run bench retrieval` installs it. Without it these are skipped. */
const python = join(ROOT, "bench", ".work", "venv-retrieval", "bin", "python");
const DIM = 48;
const COUNT = 3000;
const K = 10;
const SCRIPT = `
import sys, json, numpy as np, faiss
folder, dim, k = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
queries = np.fromfile(f"{folder}/queries.f32", dtype=np.float32).reshape(-1, dim)
ours = faiss.read_index(f"{folder}/ours.index")
scores, rows = ours.search(queries, k)
kinds = {}
vectors = ours.reconstruct_n(0, ours.ntotal)
for factory in ("IVF16,Flat", "HNSW16", "PQ12x4"):
    theirs = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
    theirs.train(vectors); theirs.add(vectors)
    faiss.write_index(theirs, f"{folder}/{factory}.index")
    kinds[factory] = theirs.search(queries, k)[1].tolist()
faiss.write_index(ours, f"{folder}/again.index")
json.dump({"rows": rows.tolist(), "scores": scores.tolist(), "kinds": kinds, "count": ours.ntotal}, open(f"{folder}/theirs.json", "w"))
`;

describe.skipIf(!existsSync(python))(
  "beside faiss-cpu (skipped where the bench's environment is not installed)",
  () => {
    let folder: string;
    let queries: Float32Array;
    let theirs: {
      rows: number[][];
      scores: number[][];
      kinds: Record<string, number[][]>;
      count: number;
    };
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "faiss-peer-"));
      const numbers = (count: number, seed: number): Float32Array =>
        Float32Array.from(
          { length: count * DIM },
          (_, i) => Math.sin((i + 1) * 12.9898 * seed) * Math.cos((i + 1) * 0.731),
        );
      queries = numbers(64, 1.7);
      await writeFile(join(folder, "queries.f32"), queries);
      await writeFile(
        join(folder, "ours.index"),
        Buffer.concat([buildFlatHeader(DIM, COUNT), Buffer.from(numbers(COUNT, 1).buffer)]),
      );
      execFileSync(python, ["-c", SCRIPT, folder, String(DIM), String(K)]);
      theirs = JSON.parse(await readFile(join(folder, "theirs.json"), "utf8")) as typeof theirs;
    }, 120_000);
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it("a flat file of ours is read there, and written back byte for byte", async () => {
      expect(theirs.count).toBe(COUNT);
      expect(await readFile(join(folder, "again.index"))).toEqual(
        await readFile(join(folder, "ours.index")),
      );
    });

    it("flat results are theirs, rounding aside", () => {
      const { rows, scores } = new (loadFaissAddon().FlatFile)(
        join(folder, "ours.index"),
        true,
      ).search(queries, K);
      theirs.rows.forEach((own, q) => {
        own.forEach((row, i) => {
          const at = q * K + i;
          expect(Math.abs((scores[at] ?? NaN) - (theirs.scores[q]?.[i] ?? NaN))).toBeLessThan(1e-5);
          if (rows[at] !== row)
            expect(own, "only rounding may swap two documents").toContain(rows[at]);
        });
      });
    });

    it.each(["IVF16,Flat", "HNSW16", "PQ12x4"])(
      "an index of theirs is read and searched here: %s",
      (factory) => {
        const { VectorIndex } = loadFaissAddon();
        for (const mapped of [false, true]) {
          const index = new VectorIndex(join(folder, `${factory}.index`), mapped);
          const { rows } = index.search(queries, K);
          const own = theirs.kinds[factory] ?? [];
          const found =
            own.flatMap((ranked, q) =>
              ranked.filter((row) => rows.slice(q * K, (q + 1) * K).includes(row)),
            ).length /
            (own.length * K);
          expect(found).toBeGreaterThan(0.99); // rounding and, in a graph, the path through equal scores
        }
      },
    );
  },
);
