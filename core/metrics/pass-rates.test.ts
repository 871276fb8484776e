import { expect, it } from "vitest";
import { classifyPassRates } from "./pass-rates";

const classify = (text: string) =>
  classifyPassRates(
    text.split(" ").map((visit) => {
      const [passed, samples] = visit.split("/").map(Number);
      return { passed: passed!, samples: samples! };
    }),
  );

it.each([
  ["0/8 0/8 0/8", "dead"],
  ["0/8 2/8 5/8", "learning"],
  ["0/1 1/1 1/1", "mastered"],
  ["8/8 7/8", "learning"],
  ["6/8 1/8 0/8", "forgotten"],
  ["1/1 0/1 0/1", "forgotten"],
  ["1/1 0/1 1/1", "learning"],
  ["3/8 0/8 0/8", "learning"],
  ["1/1 0/1", "learning"],
  ["4/8", "seen-once"],
  ["4/8 0/0", "seen-once"],
])("%s is %s", (visits, state) => {
  expect(classify(visits)).toBe(state);
});
