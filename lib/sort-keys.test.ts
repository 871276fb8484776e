import { expect, it } from "vitest";
import { listSortedEntries, sortKeys } from "./sort-keys";

it("equal values have equal JSON once their keys are sorted", () => {
  const value = { b: [{ d: null, c: 1 }], a: "x" };
  expect(JSON.stringify(sortKeys(value))).toBe('{"a":"x","b":[{"c":1,"d":null}]}');
  expect(JSON.stringify(sortKeys({ a: "x", b: [{ c: 1, d: null }] }))).toBe(
    JSON.stringify(sortKeys(value)),
  );
});

it("entries are in the order of their keys as texts", () => {
  expect(listSortedEntries({ b: 1, "10": 2, "9": 3 })).toEqual([
    ["10", 2],
    ["9", 3],
    ["b", 1],
  ]);
});
