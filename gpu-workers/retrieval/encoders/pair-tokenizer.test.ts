import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { truncateLongestFirst } from "./pair-tokenizer";

describe("cutting a pair", () => {
  it.each([
    [3, 4, 10, [3, 4]],
    [3, 40, 10, [3, 7]],
    [40, 3, 10, [7, 3]],
    [40, 50, 11, [5, 6]],
    [50, 40, 11, [6, 5]],
    [20, 20, 10, [5, 5]],
  ])("%i and %i tokens to %i", (first, second, max, expected) =>
    expect(truncateLongestFirst(first, second, max)).toEqual(expected),
  );

  it("fills the room, never makes a text longer, and takes from the longer one", () => {
    const length = fc.integer({ min: 0, max: 300 });
    fc.assert(
      fc.property(length, length, fc.integer({ min: 2, max: 200 }), (first, second, max) => {
        const [a, b] = truncateLongestFirst(first, second, max);
        expect(a + b).toBe(Math.min(first + second, max));
        expect(a).toBeLessThanOrEqual(first);
        expect(b).toBeLessThanOrEqual(second);
        if (a < first && b < second) expect(Math.abs(a - b)).toBeLessThanOrEqual(1);
      }),
    );
  });
});
