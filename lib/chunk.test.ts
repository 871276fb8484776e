import { expect, it } from "vitest";
import { chunk } from "./chunk";

it("chunks hold all items once, in order", () => {
  expect(chunk([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(chunk([], 2)).toEqual([]);
  expect(chunk([1, 2], Infinity)).toEqual([[1, 2]]);
  expect(() => chunk([1], 0)).toThrow(RangeError);
});
