import { mkdtempSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyse } from "./analyser";
import { BLOCK_LIMITS, BlockBuilder, type BlockLimits, findCompleteBlocks } from "./index-block";
import { findCandidates } from "./boolean-candidates";
import type { Bm25Manifest } from "./index-format";
import { BlockMerger } from "./block-merger";
import { PostingsFile } from "./postings-file";
import { type Formula, parseOperators, parseWords, matchesFormula } from "./parse-query";
import { type Bm25Constants, Bm25Searcher, computeInverseDocumentFrequency } from "./bm25-searcher";

let root: string;
let folders = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "bm25-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function folder(): string {
  const path = join(root, String(folders++));
  mkdirSync(path);
  return path;
}

function writeBlocks(texts: readonly string[], blocks: string, limits: BlockLimits): void {
  let block = new BlockBuilder(0, limits);
  texts.forEach((text, row) => {
    block.add(text);
    if (!block.full) return;
    block.write(blocks);
    block = new BlockBuilder(row + 1, limits);
  });
  if (block.rows > 0) block.write(blocks);
}

function build(
  texts: readonly string[],
  limits: BlockLimits = BLOCK_LIMITS,
  memoryBytes?: number,
): { file: PostingsFile; directory: string; manifest: Bm25Manifest } {
  const [blocks, directory] = [folder(), folder()];
  writeBlocks(texts, blocks, limits);
  const merge = new BlockMerger(
    findCompleteBlocks(blocks).paths,
    directory,
    new Uint8Array(16).fill(7),
  );
  let counts = merge.mergeNextTerms();
  while (!counts) counts = merge.mergeNextTerms();
  const manifest: Bm25Manifest = {
    version: 1,
    kind: "bm25",
    analysis: "test",
    corpusHash: "test",
    stamp: "07".repeat(16),
    ...counts,
  };
  return { file: PostingsFile.open(directory, manifest, memoryBytes), directory, manifest };
}

/** BM25 by its definition, over every document; scores in double precision. */
function bruteForce(
  texts: readonly string[],
  query: string,
  { k1, b }: Bm25Constants,
): { row: number; score: number }[] {
  const documents = texts.map(analyse);
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

const word = fc.constantFrom("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "the", "Beta's");
const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
const constants = fc.record({
  k1: fc.double({ min: 0, max: 10, noNaN: true }),
  b: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe("BM25 search", () => {
  it("scores as the formula does, worked out by hand", () => {
    const { file } = build(["apple apple pear", "apple", "plum plum plum plum", "of the"]);
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
          const { file } = build(texts, { postings, words: 1000 });
          const searcher = new Bm25Searcher(file);
          for (const query of queries)
            expectTop(
              searcher.search(parseWords(query).terms, k, numbers),
              bruteForce(texts, query, numbers),
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
    const whole = build(texts);
    const pieces = build(texts, { postings: 20_000, words: 1000 }, 10_000); // less memory than the postings need
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
    const { file } = build(texts);
    const { rows } = new Bm25Searcher(file).search(
      parseWords("blue red green yellow purple").terms,
      3000,
      { k1: 0.9, b: 0.4 },
    );
    expect([...rows]).toEqual(Array.from({ length: 3000 }, (_, i) => i * 3));
  });

  it("takes an empty corpus, unknown words, stop words and a query of 100,000 characters", () => {
    const empty = new Bm25Searcher(build([]).file);
    expect(empty.search(parseWords("anything").terms, 5, { k1: 0.9, b: 0.4 }).rows).toHaveLength(0);
    const some = new Bm25Searcher(build(["kabul is a city", "of the", ""]).file);
    expect(some.search(parseWords("unheard of").terms, 5, { k1: 0.9, b: 0.4 }).rows).toHaveLength(
      0,
    );
    expect([
      ...some.search(parseWords("Kabul ".repeat(16_667)).terms, 5, { k1: 0.9, b: 0.4 }).rows,
    ]).toEqual([0]);
  });
});

describe("Boolean operators", () => {
  const formula = fc.letrec<{ formula: string }>((tie) => ({
    formula: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom(
        "alpha",
        "beta",
        "gamma",
        "delta",
        '"alpha beta"',
        '"gamma the delta"',
        "alpha beta",
      ),
      fc
        .tuple(tie("formula"), fc.constantFrom("AND", "OR", "NOT"), tie("formula"))
        .map(([a, operator, b]) => `(${a}) ${operator} (${b})`),
      tie("formula").map((a) => `NOT (${a})`),
    ),
  })).formula;

  it("equal the algebra of sets, and never lose a document to a phrase", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 40 }), formula, (texts, query) => {
        const parsed = parseOperators(query);
        const { file } = build(texts);
        const holds = texts.map((own) => evaluate(query, analyse(own), own));
        const set = parsed.formula
          ? rowsIn(findCandidates(parsed.formula, file), texts.length)
          : new Set(
              texts.flatMap((own, row) =>
                analyse(own).some((term) => parsed.terms.has(term)) ? [row] : [],
              ),
            );
        texts.forEach((own, row) => {
          const exact = parsed.formula
            ? set.has(row) && matchesFormula(parsed.formula, own)
            : set.has(row);
          expect(exact).toBe(holds[row]);
          if (!query.includes('"')) expect(set.has(row)).toBe(holds[row]);
        });
        file.close();
      }),
      { numRuns: 80 },
    );
  }, 30_000);

  it("of many operands equal the sets of their operands put together", () => {
    const texts = Array.from(
      { length: 70 },
      (_, row) =>
        ["alpha", "beta", "gamma", "delta"].filter((_, bit) => (row >> bit) & 1).join(" ") ||
        "else",
    );
    const { file } = build(texts);
    const term = fc.constantFrom("alpha", "beta", "gamma", "delta", "unheard");
    const operand = fc.oneof(
      fc
        .array(term, { minLength: 1, maxLength: 3 })
        .map((terms): Formula => ({ is: "any", terms })),
      term.map((own): Formula => ({ is: "not", of: { is: "any", terms: [own] } })),
      fc.array(term, { minLength: 2, maxLength: 4 }).map((terms): Formula => ({
        is: "phrase",
        terms: terms.map((own, offset) => ({ term: own, offset })),
      })),
    );
    const sets = (formulas: readonly Formula[]): Set<number>[] =>
      formulas.map((own) => rowsIn(findCandidates(own, file), texts.length));
    fc.assert(
      fc.property(fc.array(operand, { minLength: 1, maxLength: 8 }), (of) => {
        const [every, rows] = [sets(of), texts.map((_, row) => row)];
        expect(sets([{ is: "and", of }])).toEqual([
          new Set(rows.filter((row) => every.every((set) => set.has(row)))),
        ]);
        expect(sets([{ is: "or", of }])).toEqual([
          new Set(rows.filter((row) => every.some((set) => set.has(row)))),
        ]);
        for (const own of of) {
          if (own.is !== "phrase") continue;
          const terms = sets(own.terms.map((part): Formula => ({ is: "any", terms: [part.term] })));
          expect(sets([own])).toEqual([
            new Set(rows.filter((row) => terms.every((set) => set.has(row)))),
          ]);
        }
      }),
    );
    file.close();
  });

  it.each(["and", "phrase"] as const)(
    "hold two sets at a time, however many operands there are: %s",
    (is) => {
      const [operands, passages] = [300, 1_000_000];
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc") as () => void;
      let held = 0;
      const index = {
        lengths: new Uint32Array(passages),
        find: (term: string) => {
          if (term !== `t${operands - 1}`) return null;
          for (let i = 0; i < 2; i++) collect(); // the second waits for what the first swept
          held = process.memoryUsage().arrayBuffers;
          return null;
        },
      };
      const names = Array.from({ length: operands }, (_, i) => `t${i}`);
      collect();
      const before = process.memoryUsage().arrayBuffers;
      findCandidates(
        is === "and"
          ? { is, of: names.map((term) => ({ is: "any", terms: [term] })) }
          : { is, terms: names.map((term, offset) => ({ term, offset })) },
        index,
      );
      expect(held - before).toBeLessThan((20 * passages) / 8);
    },
  );

  it("restrict the documents that are ranked", () => {
    const texts = ["red apple", "green apple", "red pear", "green pear pear"];
    const { file } = build(texts);
    const search = (query: string): number[] => {
      const { terms, formula: parsed } = parseOperators(query);
      return [
        ...new Bm25Searcher(file).search(
          terms,
          10,
          { k1: 0.9, b: 0.4 },
          parsed && findCandidates(parsed, file),
        ).rows,
      ];
    };
    expect(search("apple AND red")).toEqual([0]);
    expect(search("pear AND NOT red")).toEqual([3]);
    expect(search("pear NOT green")).toEqual([2]);
    expect(search("(red AND apple) OR (green AND pear)").sort()).toEqual([0, 3]);
  });

  it.each([
    ["red apple", null],
    ["(red AND (apple", null],
    ['red AND "apple', null],
    ["AND red", null],
    ["red OR", null],
    ["red NOT", null],
    ["red ()", null],
    ["red) (apple", null],
    ["red and apple or not pear", null],
    [`${"(".repeat(5000)}red${")".repeat(5000)}`, null],
    ["the AND of", null],
    ["red AND the", { is: "any", terms: ["red"] }],
    [
      "red OR apple AND NOT pear",
      {
        is: "or",
        of: [
          { is: "any", terms: ["red"] },
          {
            is: "and",
            of: [
              { is: "any", terms: ["appl"] },
              { is: "not", of: { is: "any", terms: ["pear"] } },
            ],
          },
        ],
      },
    ],
    [
      '"bank of america"',
      {
        is: "phrase",
        terms: [
          { term: "bank", offset: 0 },
          { term: "america", offset: 2 },
        ],
      },
    ],
    ['"apples"', { is: "any", terms: ["appl"] }],
  ] satisfies [string, Formula | null][])("of %s", (query, expected) => {
    expect(parseOperators(query).formula).toEqual(expected);
  });

  it("that do not fit together are words", () => {
    expect(parseOperators("(red AND apples")).toEqual(parseWords("red apples"));
  });

  it("take the words under a NOT out of the score", () => {
    expect([...parseOperators('pear AND NOT (green OR NOT "red apple") AND pear').terms]).toEqual([
      ["pear", 2],
      ["red", 1],
      ["appl", 1],
    ]);
  });
});

describe("the files of an index", () => {
  it("that were cut short or belong to another index are an error", () => {
    const { directory, manifest, file } = build(["red apple", "green apple"]);
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
    const blocks = folder();
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

/** A formula's truth for a document by the text of the query, independent of the parser: recursive on its own notation. */
function evaluate(query: string, terms: readonly string[], own: string): boolean {
  const not = /^NOT \((.*)\)$/.exec(query);
  if (not && closes(query, 4) === query.length - 1) return !evaluate(not[1] ?? "", terms, own);
  if (query.startsWith("(")) {
    const end = closes(query, 0);
    const match = /^ (AND|OR|NOT) \((.*)\)$/.exec(query.slice(end + 1));
    const [a, b] = [
      evaluate(query.slice(1, end), terms, own),
      evaluate(match?.[2] ?? "", terms, own),
    ];
    return match?.[1] === "AND" ? a && b : match?.[1] === "OR" ? a || b : a && !b;
  }
  const words = own.replaceAll("Beta's", "beta").split(" ");
  if (query === '"alpha beta"')
    return words.some((first, i) => first === "alpha" && words[i + 1] === "beta");
  // The stop word's place may hold any word.
  if (query === '"gamma the delta"')
    return words.some((first, i) => first === "gamma" && words[i + 2] === "delta");
  return analyse(query).some((term) => terms.includes(term));
}

function closes(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "(") depth += 1;
    if (text[i] === ")" && --depth === 0) return i;
  }
  return -1;
}

function rowsIn(set: Uint32Array, size: number): Set<number> {
  const rows = new Set<number>();
  for (let row = 0; row < set.length * 32; row++)
    if (((set[row >>> 5] ?? 0) >>> (row & 31)) & 1) rows.add(row);
  expect([...rows].every((row) => row < size)).toBe(true);
  return rows;
}

const analysed = new WeakMap<readonly string[], string[][]>();

/** As `expectTop`, for corpora too large to look at every pair. */
function expectTopFast(
  texts: readonly string[],
  query: string,
  { k1, b }: Bm25Constants,
  k: number,
  found: { rows: Uint32Array; scores: Float64Array },
): void {
  const documents = analysed.get(texts) ?? texts.map(analyse);
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
