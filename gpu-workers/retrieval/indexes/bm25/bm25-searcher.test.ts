import { readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { analyse } from "./analyser";
import { type Bm25Constants, Bm25Searcher, computeInverseDocumentFrequency } from "./bm25-searcher";
import { findCompleteBlocks } from "./index-block";
import { parseWords } from "./parse-query";
import { PostingsFile } from "./postings-file";
import {
  buildIndex,
  constants,
  makeFolder,
  text,
  writeBlocks,
  removeFolders,
} from "./testing/built-index";

afterAll(removeFolders);

/** BM25 by its definition, over every document; scores in double precision. */
function searchAll(
  texts: readonly string[],
  query: string,
  { k1, b }: Bm25Constants,
): { row: number; score: number }[] {
  const documents = texts.map((text) => analyse(text));
  const mean = documents.reduce((sum, terms) => sum + terms.length, 0) / documents.length;
  const scored = documents.map((terms, row) => {
    let score = 0;
    let found = false;
    for (const term of analyse(query)) {
      const count = terms.filter((own) => own === term).length;
      if (count === 0) continue;
      found = true;
      const withTerm = documents.filter((other) => other.includes(term)).length;
      score +=
        (computeInverseDocumentFrequency(documents.length, withTerm) * count) /
        (count + k1 * (1 - b + (b * terms.length) / mean));
    }
    return { row, score, found };
  });
  return scored.filter(({ found }) => found).sort((a, c) => c.score - a.score || a.row - c.row);
}

/** Same scores place by place, and the same rows wherever the scores tell them apart. */
function expectTop(
  found: { rows: Uint32Array; scores: Float64Array },
  expected: readonly { row: number; score: number }[],
  k: number,
): void {
  expect(found.rows.length).toBe(Math.min(k, expected.length));
  found.rows.forEach((row, i) => {
    expect(Math.abs((found.scores[i] ?? 0) - (expected[i]?.score ?? 0))).toBeLessThan(1e-5);
    const own = expected.find((hit) => hit.row === row);
    expect(Math.abs((own?.score ?? -1) - (found.scores[i] ?? 0))).toBeLessThan(1e-5);
    if (i > 0 && found.scores[i] === found.scores[i - 1])
      expect(row).toBeGreaterThan(found.rows[i - 1] ?? 0);
  });
  expect(new Set(found.rows).size).toBe(found.rows.length);
}

describe("BM25 search", () => {
  it("scores as the formula does, worked out by hand", () => {
    const { file } = buildIndex(["apple apple pear", "apple", "plum plum plum plum", "of the"]);
    // 4 documents of 3, 1, 4 and 0 terms: mean 2. "appl" is in 2: idf = ln(1 + 2.5 / 2.5) = ln 2.
    const { rows, scores } = new Bm25Searcher(file).search(new Map([["appl", 1]]), 10, {
      k1: 0.9,
      b: 0.4,
    });
    expect([...rows]).toEqual([0, 1]);
    expect(scores[0]).toBeCloseTo((Math.log(2) * 2) / (2 + 0.9 * (0.6 + (0.4 * 3) / 2)), 6); // 0.4501
    expect(scores[1]).toBeCloseTo((Math.log(2) * 1) / (1 + 0.9 * (0.6 + (0.4 * 1) / 2)), 6); // 0.4030
    // "plum" is in 1: idf = ln(1 + 3.5 / 1.5); twice in the query counts twice.
    const plum = new Bm25Searcher(file).search(new Map([["plum", 2]]), 1, { k1: 1.2, b: 0.75 });
    expect(plum.scores[0]).toBeCloseTo(
      (2 * Math.log(1 + 3.5 / 1.5) * 4) / (4 + 1.2 * (0.25 + (0.75 * 4) / 2)),
      6,
    );
  });

  it("finds what comparing every document finds, for any corpus, query, k and constants, in one block or many", () => {
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 40 }),
        fc.array(text, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 50 }),
        constants,
        fc.integer({ min: 1, max: 60 }),
        (texts, queries, k, numbers, postings) => {
          const { file } = buildIndex(texts, { postings, words: 1000 });
          const searcher = new Bm25Searcher(file);
          for (const query of queries)
            expectTop(
              searcher.search(parseWords(query).terms, k, numbers),
              searchAll(texts, query, numbers),
              k,
            );
          file.close();
        },
      ),
      { numRuns: 60 },
    );
  }, 30_000);

  it("does so over many windows and blocks of bounds, with long documents and counts above 255", () => {
    const random = mulberry(5);
    const vocabulary = Array.from({ length: 300 }, (_, i) => `w${i}x`);
    const texts = Array.from({ length: 9500 }, (_, row) => {
      if (row === 4321) return "w1x ".repeat(700) + "w2x";
      return Array.from(
        { length: 1 + Math.floor(random() * 20) },
        () => vocabulary[Math.floor(300 * random() ** 4)] ?? "",
      ).join(" ");
    });
    const whole = buildIndex(texts);
    const pieces = buildIndex(texts, { postings: 20_000, words: 1000 }, 10_000); // less memory than the postings need
    for (const numbers of [
      { k1: 0.9, b: 0.4 },
      { k1: 1.2, b: 0.75 },
      { k1: 0, b: 0 },
      { k1: 10, b: 1 },
    ]) {
      const [a, b] = [new Bm25Searcher(whole.file), new Bm25Searcher(pieces.file)];
      for (let q = 0; q < 12; q++) {
        const query = Array.from(
          { length: 1 + (q % 6) },
          () => vocabulary[Math.floor(300 * random() ** 2)] ?? "",
        ).join(" ");
        const k = [1, 10, 100, 20_000][q % 4] ?? 1;
        const found = a.search(parseWords(query).terms, k, numbers);
        expect(b.search(parseWords(query).terms, k, numbers)).toEqual(found);
        if (k > 100) continue; // comparing takes long; the order of many is looked at below
        expectTopFast(texts, query, numbers, k, found);
      }
    }
    expect(pieces.file.bytes).toBeLessThan(whole.file.bytes / 2);
  }, 60_000);

  it("gives equal documents equal scores, so that their rows decide", () => {
    const texts = Array.from({ length: 9000 }, (_, row) =>
      row % 3 === 0 ? "red green blue yellow" : "red red green purple",
    );
    const { file } = buildIndex(texts);
    const { rows } = new Bm25Searcher(file).search(
      parseWords("blue red green yellow purple").terms,
      3000,
      { k1: 0.9, b: 0.4 },
    );
    expect([...rows]).toEqual(Array.from({ length: 3000 }, (_, i) => i * 3));
  });

  it("takes an empty corpus, unknown words, stop words and a query of 100,000 characters", () => {
    const empty = new Bm25Searcher(buildIndex([]).file);
    expect(empty.search(parseWords("anything").terms, 5, { k1: 0.9, b: 0.4 }).rows).toHaveLength(0);
    const some = new Bm25Searcher(buildIndex(["kabul is a city", "of the", ""]).file);
    expect(some.search(parseWords("unheard of").terms, 5, { k1: 0.9, b: 0.4 }).rows).toHaveLength(
      0,
    );
    expect([
      ...some.search(parseWords("Kabul ".repeat(16_667)).terms, 5, { k1: 0.9, b: 0.4 }).rows,
    ]).toEqual([0]);
  });
});

describe("the files of an index", () => {
  it("that were cut short or belong to another index are an error", () => {
    const { directory, manifest, file } = buildIndex(["red apple", "green apple"]);
    file.close();
    expect(() => PostingsFile.open(directory, { ...manifest, stamp: "08".repeat(16) })).toThrow(
      "dictionary.bin belongs to another index",
    );
    truncateSync(join(directory, "postings.bin"), 20);
    expect(() => PostingsFile.open(directory, manifest)).toThrow(
      "postings.bin has 20 bytes instead of",
    );
    rmSync(join(directory, "lengths.bin"));
    expect(() => PostingsFile.open(directory, manifest)).toThrow("lengths.bin cannot be read");
  });

  it("of a build that was killed are taken up: complete blocks in a row, nothing else", () => {
    const blocks = makeFolder();
    const texts = Array.from({ length: 30 }, (_, i) => `word${i} common`);
    writeBlocks(texts, blocks, { postings: 10, words: 1000 });
    writeFileSync(join(blocks, "block-30-35.partial"), "half");
    rmSync(join(blocks, "block-10-15"));
    expect(findCompleteBlocks(blocks)).toMatchObject({
      rows: 10,
      paths: [join(blocks, "block-0-5"), join(blocks, "block-5-10")],
    });
    expect(readdirSync(blocks).sort()).toEqual(["block-0-5", "block-5-10"]);
  });
});

const analysed = new WeakMap<readonly string[], string[][]>();

/** As `expectTop`, for corpora too large to look at every pair. */
function expectTopFast(
  texts: readonly string[],
  query: string,
  { k1, b }: Bm25Constants,
  k: number,
  found: { rows: Uint32Array; scores: Float64Array },
): void {
  const documents = analysed.get(texts) ?? texts.map((text) => analyse(text));
  analysed.set(texts, documents);
  const mean = documents.reduce((sum, terms) => sum + terms.length, 0) / documents.length;
  const scores = new Float64Array(documents.length).fill(-1);
  for (const term of analyse(query)) {
    const counts = documents.map((terms) =>
      terms.reduce((sum, own) => sum + Number(own === term), 0),
    );
    const idf = computeInverseDocumentFrequency(
      documents.length,
      counts.filter((count) => count > 0).length,
    );
    counts.forEach((count, row) => {
      if (count > 0)
        scores[row] =
          Math.max(scores[row] ?? 0, 0) +
          (idf * count) / (count + k1 * (1 - b + (b * (documents[row]?.length ?? 0)) / mean));
    });
  }
  const best = [...scores]
    .filter((score) => score >= 0)
    .sort((a, c) => c - a)
    .slice(0, k);
  expect(found.rows.length).toBe(best.length);
  found.rows.forEach((row, i) => {
    expect(Math.abs((found.scores[i] ?? 0) - (best[i] ?? 0))).toBeLessThan(1e-5);
    expect(Math.abs((found.scores[i] ?? 0) - (scores[row] ?? 0))).toBeLessThan(1e-5);
  });
  expect(new Set(found.rows).size).toBe(found.rows.length);
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
