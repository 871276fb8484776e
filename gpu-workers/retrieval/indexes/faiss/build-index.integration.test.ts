import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planIndex, getSearchParameters } from "@/core/memory/index-plan";
import { DenseIndex, INDEX_FILE } from "./dense-index";
import { loadFaissAddon } from "./faiss-addon";
import { buildIndexFromFlat, buildFlatHeader } from "./build-index";

const DIM = 64;
const COUNT = 12_000;
const CENTRES = 300;
const QUERIES = 50;
const K = 10;

let folder: string;
let flatFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "index-build-"));
  flatFile = join(folder, INDEX_FILE);
  await writeFile(
    flatFile,
    Buffer.concat([buildFlatHeader(DIM, COUNT), Buffer.from(vectors.buffer)]),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let state = 1;
const random = (): number =>
  (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32 - 0.5;
/** Unit vectors around some centres, as the passages of topics lie. */
const centres = Array.from({ length: CENTRES }, () => Float64Array.from({ length: DIM }, random));
const vectors = Float32Array.from(
  Array.from({ length: COUNT }, (_, row) => drawNear(row % CENTRES)).flat(),
);
function drawNear(centre: number): number[] {
  const vector = Array.from(centres[centre] ?? [], (x) => x + random());
  const length = Math.hypot(...vector);
  return vector.map((x) => x / length);
}

const build = (
  factory: string,
  memoryBytes: number,
  signal?: AbortSignal,
  onProgress: (progress: { phase: string }) => void = () => undefined,
) => {
  const plan = planIndex({ index: factory, count: COUNT, dim: DIM, memoryBytes });
  const identity = {
    corpusHash: "c",
    encoderFingerprint: "e",
    encoder: "test",
    factory: plan.factory,
  };
  return {
    plan,
    identity,
    done: (directory: string) =>
      buildIndexFromFlat(directory, flatFile, identity, plan, { signal, onProgress }),
  };
};

/** Memory with which `auto` chooses each kind it has for this many vectors. */
const FLAT_BYTES = COUNT * DIM * 4;
const AUTO: [kind: RegExp, memoryBytes: number, recall: number][] = [
  [/^IVF256,SQ8$/, FLAT_BYTES, 0.95],
  [/^OPQ8,IVF256,PQ8$/, FLAT_BYTES / 2, 0.35],
];

describe("an index made of a flat one", () => {
  it.each(AUTO)(
    "of the kind that `auto` takes where memory is short: %s",
    { tags: "long" },
    async (kind, memoryBytes, recall) => {
      const { plan, identity, done } = build("auto", memoryBytes);
      expect(plan.factory).toMatch(kind);
      const directory = await mkdtemp(join(folder, "kind-"));
      const began = process.cpuUsage();
      await done(directory);
      const { user, system } = process.cpuUsage(began);
      expect((user + system) / 1e6, "seconds of CPU: it learns in bounded time").toBeLessThan(60);
      const { size } = await stat(join(directory, INDEX_FILE));
      expect(Math.abs(size / plan.fileBytes - 1), "the file is as large as planned").toBeLessThan(
        0.15,
      );

      const queries = Float32Array.from(
        Array.from({ length: QUERIES }, (_, i) => drawNear(i)).flat(),
      );
      const exact = new (loadFaissAddon().FlatFile)(flatFile, true).search(queries, K);
      const index = await DenseIndex.load(
        directory,
        identity,
        getSearchParameters(plan.factory, { nprobe: 32, efSearch: 128 }),
      );
      const found = await index.search(queries, K);
      await index.close();
      const shared = found.map(
        (ranked, q) =>
          ranked.filter(({ row }) => exact.rows.slice(q * K, (q + 1) * K).includes(row)).length,
      );
      expect(shared.reduce((sum, own) => sum + own, 0) / (QUERIES * K)).toBeGreaterThan(recall);
    },
  );

  it("stops soon after it is cancelled, also while it learns", async () => {
    const stop = new AbortController();
    let asked = Infinity;
    const { done } = build("IVF4096,Flat", Infinity, stop.signal, ({ phase }) => {
      if (phase !== "training" || asked < Infinity) return;
      setTimeout(() => {
        asked = performance.now();
        stop.abort();
      }, 50);
    });
    const directory = await mkdtemp(join(folder, "stopped-"));
    const building = done(directory);
    await expect(building).rejects.toMatchObject({ code: "cancelled" });
    expect(performance.now() - asked).toBeLessThan(10_000);
    await expect(stat(join(directory, "manifest.json"))).rejects.toThrow();
  });
});
