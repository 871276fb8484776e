import { AppError } from "@/contracts/errors";
import type { Formula } from "./query";
import type { SearchedIndex } from "./search";

/**
 * The rows that may satisfy a formula, as bits. Exact but for phrases, which the index cannot decide: a phrase may hold
 * wherever all of its terms are, and may fail anywhere.
 */
export function candidates(formula: Formula, index: SearchedIndex): Uint32Array {
  return rowsOf(formula, index, true);
}

/** @param most whether phrases are taken to hold where they may (else: to fail). */
function rowsOf(formula: Formula, index: SearchedIndex, most: boolean): Uint32Array {
  const words = Math.ceil(index.lengths.length / 32);
  switch (formula.is) {
    case "any":
      return formula.terms.reduce<Uint32Array>(
        (set, term) => addRows(set, index, term),
        new Uint32Array(words),
      );
    case "phrase": {
      if (!most) return new Uint32Array(words);
      return fold(
        formula.terms,
        ({ term }) => addRows(new Uint32Array(words), index, term),
        intersect,
      );
    }
    case "and":
      return fold(formula.of, (part) => rowsOf(part, index, most), intersect);
    case "or":
      return fold(formula.of, (part) => rowsOf(part, index, most), unite);
    case "not": {
      const rest = rowsOf(formula.of, index, !most).map((bits) => ~bits);
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
function fold<T>(
  [first, ...rest]: readonly T[],
  setOf: (operand: T) => Uint32Array,
  into: (all: Uint32Array, set: Uint32Array) => void,
): Uint32Array {
  if (first === undefined) throw new AppError("internal", "an operator has no operand");
  const all = setOf(first);
  for (const operand of rest) into(all, setOf(operand));
  return all;
}

function intersect(all: Uint32Array, set: Uint32Array): void {
  for (let w = 0; w < all.length; w++) all[w] = (all[w] ?? 0) & (set[w] ?? 0);
}

function unite(all: Uint32Array, set: Uint32Array): void {
  for (let w = 0; w < all.length; w++) all[w] = (all[w] ?? 0) | (set[w] ?? 0);
}
