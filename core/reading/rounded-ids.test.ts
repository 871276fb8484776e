import fc from "fast-check";
import { expect, it } from "vitest";
import { createRoundedIdsState, listRoundedIds, looksRounded, noteRoundedId } from "./rounded-ids";

function find(ids: readonly string[]): { count: number; first: string[] } {
  const state = createRoundedIdsState<number>();
  for (const [i, id] of ids.entries()) noteRoundedId(state, id, i + 2);
  const { count, first } = listRoundedIds(state);
  return { count, first: first.map(({ place, id }) => `${place} ${id}`) };
}

it("ids that a spreadsheet rounded are found with their places", () => {
  expect(find(["1.23457E+12", "q2", "1,5E+15", "4E+20"])).toEqual({
    count: 3,
    first: ["2 1.23457E+12", "4 1,5E+15", "5 4E+20"],
  });
  expect(find(["1234567890123450", "12345678901234500000", "7"]).count).toBe(2);
  expect(find(["1234567890123450", "1234567890123456"]).count).toBe(0);
  expect(
    find(["5e12", "1E10", "12", "100000000000000", "doc-1.5E+12", "0000000000000000"]),
  ).toEqual({ count: 0, first: [] });
});

it("whatever number a spreadsheet keeps fifteen digits of is found, and exact ones are not", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.bigInt({ min: 10n ** 15n, max: 10n ** 24n }), { minLength: 1 }),
      (numbers) => {
        const rounded = numbers.map((number) => {
          const digits = String(number);
          return digits.slice(0, 15) + "0".repeat(digits.length - 15);
        });
        expect(find(rounded).count).toBe(numbers.length);
        expect(
          find(numbers.map((number) => Number(number).toExponential(5).replace("e", "E"))),
        ).toEqual(expect.objectContaining({ count: numbers.length }));
        const exact = numbers.map((number) => String(number - (number % 10n) + 7n));
        expect(find(exact).count).toBe(0);
        expect(exact.some(looksRounded)).toBe(false);
      },
    ),
  );
});
