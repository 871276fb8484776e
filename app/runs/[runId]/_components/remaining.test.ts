import { expect, it } from "vitest";
import { estimateRemainingSeconds } from "./remaining";

it("goes by the pace of the last steps and ends at zero", () => {
  expect(estimateRemainingSeconds([], 20)).toBeNull();
  expect(
    estimateRemainingSeconds(
      [{ step: 1, value: 100 }, ...[2, 3, 4, 5, 6].map((step) => ({ step, value: 10 }))],
      20,
    ),
  ).toBe(140);
  expect(estimateRemainingSeconds([{ step: 20, value: 10 }], 20)).toBe(0);
});
