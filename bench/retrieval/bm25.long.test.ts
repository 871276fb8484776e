import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { analyse } from "@/gpu-workers/retrieval/indexes/bm25/analyser";
import { computeInverseDocumentFrequency } from "@/gpu-workers/retrieval/indexes/bm25/bm25-searcher";
import { readLines } from "@/gpu-workers/corpora/file/lines";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import { Side, growPassages } from "./bm25";
import { loadQuestionSets } from "./data";

const PASSAGES = 1_000_000;
const LIMIT_BYTES = 2 * 1024 ** 3;
const K = 10;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bm25-million-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("indexes and searches a million passages of 100 words within 2 GiB, and finds what reading them all finds", async () => {
  const { sets } = await loadQuestionSets();
  const passages = join(folder, "passages.jsonl");
  await pipeline(
    growPassages(
      sets.flatMap((set) => set.passages.map(formatPassage)),
      PASSAGES,
    ),
    createWriteStream(passages),
  );
  const builder = await Side.ours();
  const { peakBytes } = await builder.build(passages, PASSAGES, folder, false);
  builder.close();
  expect(peakBytes).toBeLessThan(LIMIT_BYTES);
  const queries = sets.flatMap((set) => set.questions.slice(0, 3).map(({ text }) => text));
  const searcher = await Side.ours();
  const { residentBytes } = await searcher.open(folder, false);
  expect(residentBytes).toBeLessThan(LIMIT_BYTES);
  const found = await searcher.search(queries, K);
  searcher.close();
  const expected = await scoreByReading(
    passages,
    queries.map((query) => analyse(query)),
  );
  expected.forEach((scores, q) =>
    scores.forEach((score, i) =>
      expect(Math.abs((found.scores[q]?.[i] ?? NaN) - score)).toBeLessThan(1e-5),
    ),
  );
});

/** The K best scores of each query by the formula, over every passage. */
async function scoreByReading(path: string, queries: readonly string[][]): Promise<number[][]> {
  const termNumbers = new Map([...new Set(queries.flat())].map((term, i) => [term, i]));
  const matches: { row: number; term: number; count: number }[] = [];
  const lengths = new Uint32Array(PASSAGES);
  for await (const { text, number } of readLines(path)) {
    const terms = analyse(JSON.parse(text) as string);
    lengths[number - 1] = terms.length;
    const counts = new Map<number, number>();
    for (const term of terms) {
      const known = termNumbers.get(term);
      if (known !== undefined) counts.set(known, (counts.get(known) ?? 0) + 1);
    }
    for (const [term, count] of counts) matches.push({ row: number - 1, term, count });
  }
  const mean = lengths.reduce((sum, length) => sum + length, 0) / PASSAGES;
  const documents = new Uint32Array(termNumbers.size);
  for (const { term } of matches) documents[term] = (documents[term] ?? 0) + 1;
  return queries.map((query) => {
    const weights = new Float64Array(termNumbers.size);
    for (const term of query) {
      const i = termNumbers.get(term) ?? 0;
      weights[i] = (weights[i] ?? 0) + computeInverseDocumentFrequency(PASSAGES, documents[i] ?? 0);
    }
    const scores = new Float64Array(PASSAGES);
    for (const { row, term, count } of matches) {
      const norm = 0.9 * (1 - 0.4 + (0.4 * (lengths[row] ?? 0)) / mean);
      scores[row] = (scores[row] ?? 0) + ((weights[term] ?? 0) * count) / (count + norm);
    }
    return [...scores.sort().subarray(-K)].reverse().filter((score) => score > 0);
  });
}
