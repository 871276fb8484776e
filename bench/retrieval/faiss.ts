import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DenseIndex } from "@/gpu-workers/retrieval/indexes/faiss/dense-index";
import type { RankedRow } from "@/gpu-workers/retrieval/indexes/ranked-row";
import { buildBar, type Bar, printTable } from "@/bench/report/report";
import { computeAgreement } from "./encoder";
import { openFlat } from "./flat";
import { Peer, toRankedRows } from "./peer";
import { type Section, type SectionResult, prepareScratch, getWorkFolder } from "./section";

/**
 * Our flat index against faiss-cpu on the same random vectors: equal results, and the time of a search. Those of real
 * texts are in encoder.ts.
 */
const DIM = 384;
const QUERIES = 512;
const K = 10;
const ROUNDS = 5;
const SIZES = [10_000, 100_000];
/** Queries searched together. */
const BATCHES = [1, 16, 512];

export const faissSection: Section = { name: "faiss", about: "search against faiss-cpu", run };

async function run(): Promise<SectionResult> {
  const scratch = await prepareScratch(getWorkFolder("faiss"), [DIM, QUERIES]);
  const peer = await Peer.start();
  const bars: Bar[] = [];
  const flat: Record<string, unknown>[] = [];
  try {
    const queries = drawUnitVectors(QUERIES, 2);
    const queryFile = join(scratch, "queries.f32");
    await writeFile(queryFile, queries);
    for (const size of SIZES) {
      const vectors = drawUnitVectors(size, 1);
      const vectorFile = join(scratch, "vectors.f32");
      await writeFile(vectorFile, vectors);
      await peer.index({ vectors: vectorFile, dim: DIM, factory: "Flat" });
      const index = await openFlat(join(scratch, "index"), DIM, [vectors]);
      for (const batch of BATCHES) {
        const measured = await measureInTurns(index, peer, queries, queryFile, batch);
        flat.push({ size, batch, ...measured.figures });
        bars.push(
          buildBar(
            `faiss, flat ${size}, ${batch} together: time of a search, relative to faiss-cpu`,
            measured.figures.oursMs / measured.figures.peerMs,
            "times",
            "<=",
            1.2,
          ),
        );
        if (batch === QUERIES)
          bars.push(
            buildBar(
              `faiss, flat ${size}: results identical to faiss-cpu's, rounding aside`,
              measured.agreement.identicalUpToRounding,
              "share",
              ">=",
              1,
            ),
          );
      }
      await index.close();
    }
    printTable([
      ["flat index", "together", "ours ms/query", "faiss-cpu ms/query"],
      ...flat.map(({ size, batch, oursMs, peerMs }) => [
        String(size),
        String(batch),
        Number(oursMs).toFixed(3),
        Number(peerMs).toFixed(3),
      ]),
    ]);
    return { figures: { dim: DIM, k: K, peer: peer.about, flat }, bars };
  } finally {
    await peer.close();
  }
}

/** The best of some rounds in which both search the same queries, one after the other. */
async function measureInTurns(
  index: DenseIndex,
  peer: Peer,
  queries: Float32Array,
  queryFile: string,
  batch: number,
) {
  let [oursMs, peerMs] = [Infinity, Infinity];
  let ours: RankedRow[][] = [];
  let theirs: RankedRow[][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await index.search(queries.slice(0, batch * DIM), K);
    const began = performance.now();
    ours = [];
    for (let start = 0; start < QUERIES; start += batch)
      ours.push(...(await index.search(queries.slice(start * DIM, (start + batch) * DIM), K)));
    oursMs = Math.min(oursMs, (performance.now() - began) / QUERIES);
    const found = await peer.search(queryFile, K, batch);
    peerMs = Math.min(peerMs, (found.seconds * 1000) / QUERIES);
    theirs = toRankedRows(found);
  }
  return { figures: { oursMs, peerMs }, agreement: computeAgreement(ours, theirs) };
}

/** Vectors of length 1 in random directions, the same for the same seed (mulberry32, Box-Muller). */
function drawUnitVectors(count: number, seed: number): Float32Array {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4_294_967_296;
  };
  const vectors = new Float32Array(count * DIM);
  for (let row = 0; row < count; row++) {
    const vector = vectors.subarray(row * DIM, (row + 1) * DIM);
    let squares = 0;
    for (let d = 0; d < DIM; d++) {
      const value = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
      vector[d] = value;
      squares += value * value;
    }
    const length = Math.sqrt(squares);
    for (let d = 0; d < DIM; d++) vector[d] = (vector[d] ?? 0) / length;
  }
  return vectors;
}
