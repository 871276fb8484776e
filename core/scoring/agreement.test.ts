import { describe, expect, it } from "vitest";
import { countAgreement, computeCohenKappa, computeObservedAgreement } from "./agreement";

const pairs = (yesYes: number, yesNo: number, noYes: number, noNo: number) => [
  ...Array.from({ length: yesYes }, () => [true, true] as const),
  ...Array.from({ length: yesNo }, () => [true, false] as const),
  ...Array.from({ length: noYes }, () => [false, true] as const),
  ...Array.from({ length: noNo }, () => [false, false] as const),
];

describe("Cohen's kappa", () => {
  // Worked by hand: observed p_o, expected p_e = p1*p2 + (1-p1)*(1-p2), kappa = (p_o - p_e) / (1 - p_e); sklearn's cohen_kappa_score gives the same.
  it.each([
    // p_o = 35/50 = 0.7, p1 = 25/50, p2 = 30/50, p_e = 0.5
    [20, 5, 10, 15, 0.4],
    // p_o = 0.6, p1 = 0.6, p2 = 0.7, p_e = 0.54
    [45, 15, 25, 15, 0.06 / 0.46],
    // Never agree: p_o = 0, p1 = p2 = 0.5
    [0, 5, 5, 0, -1],
    [7, 0, 0, 3, 1],
  ])("%i %i %i %i", (a, b, c, d, kappa) =>
    expect(computeCohenKappa(countAgreement(pairs(a, b, c, d)))).toBeCloseTo(kappa, 12),
  );

  it("is not defined without pairs or without variance", () => {
    expect(computeCohenKappa(countAgreement([]))).toBeNull();
    expect(computeCohenKappa(countAgreement(pairs(9, 0, 0, 0)))).toBeNull();
    expect(computeObservedAgreement(countAgreement(pairs(9, 0, 0, 0)))).toBe(1);
    expect(computeObservedAgreement(countAgreement([]))).toBeNull();
  });
});
