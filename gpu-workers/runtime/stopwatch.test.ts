import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { Stopwatch } from "./stopwatch";

it("shares the time of phases that run at once, so that they never sum to more than the whole", async () => {
  const stopwatch = new Stopwatch<"a" | "b">();
  await Promise.all([stopwatch.time("a", () => sleep(60)), stopwatch.time("b", () => sleep(30))]);
  const total = stopwatch.getTotalSeconds();
  expect(stopwatch.getSeconds("a") + stopwatch.getSeconds("b")).toBeLessThanOrEqual(total + 1e-3);
  expect(stopwatch.getSeconds("a")).toBeGreaterThan(stopwatch.getSeconds("b"));
  expect(stopwatch.getSeconds("a") + stopwatch.getSeconds("b")).toBeGreaterThan(0.05);
  stopwatch.restart();
  expect(stopwatch.getSeconds("a")).toBe(0);
});
