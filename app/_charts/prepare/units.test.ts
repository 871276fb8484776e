import { expect, it } from "vitest";
import { formatTick, formatValue } from "./units";

it("writes ticks short, with the digits that tell them apart", () => {
  expect(formatTick("share", 0.25, 0.25)).toBe("25%");
  expect(formatTick("share", 0.005, 0.005)).toBe("0.5%");
  expect(formatTick("seconds", 60, 20)).toBe("60 s");
  expect(formatTick("number", 0.37, 0.0002)).toBe("0.3700");
  expect(formatTick("number", 12_500, 2500)).toBe("12.5k");
  expect(formatTick("number", 0.00002, 0.00002)).toBe("2e-5");
});

it("writes a missing value as a dash in every unit", () => {
  for (const unit of ["number", "share", "seconds", "count"] as const)
    expect(formatValue(unit, null)).toBe("–");
});
