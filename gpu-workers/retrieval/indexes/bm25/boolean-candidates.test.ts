import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { analyse } from "./analyser";
import { findCandidates } from "./boolean-candidates";
import { Bm25Searcher } from "./bm25-searcher";
import { type Formula, parseOperators, parseWords, matchesFormula } from "./parse-query";
import { buildIndex, text, removeFolders } from "./testing/built-index";

afterAll(removeFolders);

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
        const { file } = buildIndex(texts);
        const holds = texts.map((own) => evaluate(query, analyse(own), own));
        const set = parsed.formula
          ? listRows(findCandidates(parsed.formula, file), texts.length)
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
    const { file } = buildIndex(texts);
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
      formulas.map((own) => listRows(findCandidates(own, file), texts.length));
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
    const { file } = buildIndex(texts);
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

/** A formula's truth for a document by the text of the query, independent of the parser: recursive on its own notation. */
function evaluate(query: string, terms: readonly string[], own: string): boolean {
  const not = /^NOT \((.*)\)$/.exec(query);
  if (not && findClose(query, 4) === query.length - 1) return !evaluate(not[1] ?? "", terms, own);
  if (query.startsWith("(")) {
    const end = findClose(query, 0);
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

function findClose(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "(") depth += 1;
    if (text[i] === ")" && --depth === 0) return i;
  }
  return -1;
}

function listRows(set: Uint32Array, size: number): Set<number> {
  const rows = new Set<number>();
  for (let row = 0; row < set.length * 32; row++)
    if (((set[row >>> 5] ?? 0) >>> (row & 31)) & 1) rows.add(row);
  expect([...rows].every((row) => row < size)).toBe(true);
  return rows;
}
