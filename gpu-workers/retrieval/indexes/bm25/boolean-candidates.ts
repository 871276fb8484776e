import { AppError } from "@/contracts/errors";
import type { Formula } from "./parse-query";
import type { SearchedIndex } from "./bm25-searcher";

/**
 * The rows that may satisfy a formula, as bits. Exact but for phrases, which the index cannot decide: a phrase may hold
 * wherever all of its terms are, and may fail anywhere.
 */
export function findCandidates(formula: Formula, index: SearchedIndex): Uint32Array {
  return findRows(formula, index, true);
}

/** @param most whether phrases are taken to hold where they may (else: to fail). */
function findRows(formula: Formula, index: SearchedIndex, most: boolean): Uint32Array {
  const words = Math.ceil(index.lengths.length / 32);
  switch (formula.is) {
    case "any":
      return formula.terms.reduce<Uint32Array>(
        (set, term) => addRows(set, index, term),
        new Uint32Array(words),
      );
    case "phrase": {
      if (!most) return new Uint32Array(words);
      return combineSets(
        formula.terms,
        ({ term }) => addRows(new Uint32Array(words), index, term),
        intersect,
      );
    }
    case "and":
      return combineSets(formula.of, (part) => findRows(part, index, most), intersect);
    case "or":
      return combineSets(formula.of, (part) => findRows(part, index, most), unite);
    case "not": {
      const rest = findRows(formula.of, index, !most).map((bits) => ~bits);
      const beyond = index.lengths.length % 32;
      if (beyond > 0) rest[words - 1] = (rest[words - 1] ?? 0) & (2 ** beyond - 1);
      return rest;
    }
  }
}

function addRows(set: Uint32Array, index: SearchedIndex, term: string): Uint32Array {
  for (const row of index.find(term)?.rows ?? [])
    set[row >>> 5] = (set[row >>> 5] ?? 0) | (1 << (row & 31));
  return set;
}

/** Each operand's set into that of the first, one by one: a query may have thousands, and a set takes a bit for each passage. */
function combineSets<T>(
  [first, ...rest]: readonly T[],
  getSet: (operand: T) => Uint32Array,
  into: (all: Uint32Array, set: Uint32Array) => void,
): Uint32Array {
  if (first === undefined) throw new AppError("internal", "an operator has no operand");
  const all = getSet(first);
  for (const operand of rest) into(all, getSet(operand));
  return all;
}

function intersect(all: Uint32Array, set: Uint32Array): void {
  for (let w = 0; w < all.length; w++) all[w] = (all[w] ?? 0) & (set[w] ?? 0);
}

function unite(all: Uint32Array, set: Uint32Array): void {
  for (let w = 0; w < all.length; w++) all[w] = (all[w] ?? 0) | (set[w] ?? 0);
}
