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
      return formula.terms.reduce<Uint32Array>((set, term) => addRows(set, index, term), new Uint32Array(words));
    case "phrase": {
      if (!most) return new Uint32Array(words);
      return intersection(formula.terms.map(({ term }) => addRows(new Uint32Array(words), index, term)));
    }
    case "and":
      return intersection(formula.of.map((part) => rowsOf(part, index, most)));
    case "or": {
      const union = new Uint32Array(words);
      for (const part of formula.of) rowsOf(part, index, most).forEach((bits, w) => (union[w] = (union[w] ?? 0) | bits));
      return union;
    }
    case "not": {
      const rest = rowsOf(formula.of, index, !most).map((bits) => ~bits);
      const beyond = index.lengths.length % 32;
      if (beyond > 0) rest[words - 1] = (rest[words - 1] ?? 0) & (2 ** beyond - 1);
      return rest;
    }
  }
}

function addRows(set: Uint32Array, index: SearchedIndex, term: string): Uint32Array {
  for (const row of index.find(term)?.rows ?? []) set[row >>> 5] = (set[row >>> 5] ?? 0) | (1 << (row & 31));
  return set;
}

function intersection([first, ...rest]: readonly Uint32Array[]): Uint32Array {
  const common = first ?? new Uint32Array(0);
  for (const set of rest) set.forEach((bits, w) => (common[w] = (common[w] ?? 0) & bits));
  return common;
}
