import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { AppError } from "@/contracts/errors";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import type { RunContext } from "./run-context";
import { withHardware } from "./report-hardware";

const createMeter = () => {
  let taken = 0;
  return {
    start: vi.fn(),
    stop: vi.fn(),
    take: () => Promise.resolve({ cpu: ++taken / 10, memoryMb: 100 }),
  };
};
const createContext = (report: (item: ReportItem) => Promise<void>) => {
  const log = vi.fn();
  const context = { signal: new AbortController().signal, report, log } as unknown as RunContext;
  return { context, log };
};
const EVERY_5_MS = { interval: () => 5 };

it("reports the machine by the second while a run is on it, and once more when it succeeds", async () => {
  const items: ReportItem[] = [];
  const meter = createMeter();
  const { context } = createContext((item) => Promise.resolve(void items.push(item)));
  const run = withHardware(
    async () => {
      await expect.poll(() => items.length).toBeGreaterThan(1);
    },
    { meter, ...EVERY_5_MS },
  );
  await run(context);
  const last = items.length;
  expect(items.map((item) => item.kind === "metrics" && item.points)).toEqual(
    items.map((_, i): unknown => [
      expect.objectContaining({ name: "system/cpu", step: 0, value: (i + 1) / 10 }),
      expect.objectContaining({ name: "system/memory_mb", step: 0, value: 100 }),
    ]),
  );
  expect(meter.stop).toHaveBeenCalledOnce();
  await sleep(20);
  expect(items, "nothing comes after the end").toHaveLength(last);
});

it("leaves a failure of the run as it is, and measures no more", async () => {
  const items: ReportItem[] = [];
  const meter = createMeter();
  const { context } = createContext((item) => Promise.resolve(void items.push(item)));
  const failure = new AppError("internal", "no answers");
  const run = withHardware(() => Promise.reject(failure), { meter, interval: () => 60_000 });
  await expect(run(context)).rejects.toBe(failure);
  expect(items).toEqual([]);
  expect(meter.stop).toHaveBeenCalledOnce();
});

it("fails no run whose machine cannot be measured or reported, and says so in its log", async () => {
  const { context, log } = createContext(() => Promise.reject(new Error("full")));
  const run = withHardware(() => Promise.resolve(), { meter: createMeter(), ...EVERY_5_MS });
  await expect(run(context)).resolves.toBeUndefined();
  expect(log).toHaveBeenCalledWith("warn", expect.stringContaining("full"));
});
