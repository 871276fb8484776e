import { expect, it } from "vitest";
import { formatStepLine } from "./console";

it("writes a step as verl's console does: names in order, three decimals", () => {
  const point = (name: string, value: number) => ({ name, step: 7, value, at: 0 });
  expect(formatStepLine(7, [point("reward/mean", 0.25), point("actor/pg_loss", -0.01234)])).toBe(
    "step:7 - actor/pg_loss:-0.012 - reward/mean:0.250",
  );
});
