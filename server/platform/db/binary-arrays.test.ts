import fc from "fast-check";
import { expect, it } from "vitest";
import {
  decodeDoubles,
  decodeIntegers,
  encodeDoubles,
  encodeIntegers,
  formatTexts,
} from "./binary-arrays";

it("numbers are the same after they were written and read", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true })), (numbers) => {
      expect(decodeDoubles(encodeDoubles(numbers))).toEqual(numbers);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), (numbers) => {
      expect(decodeIntegers(encodeIntegers(numbers))).toEqual(numbers);
    }),
  );
});

it("what is no integer of 32 bits is refused, not stored as another", () => {
  for (const number of [2 ** 31, 0.5, NaN, -(2 ** 31) - 1])
    expect(() => encodeIntegers([1, number])).toThrow(RangeError);
});

it("texts keep quotes and backslashes", () => {
  expect(formatTexts(['a"b', "c\\d", "{e,f}"])).toBe('{"a\\"b","c\\\\d","{e,f}"}');
});
