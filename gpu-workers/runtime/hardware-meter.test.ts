import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HardwareMeter } from "./hardware-meter";
import type { Gpu } from "./machine";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const gpu = (powerW: number | null, utilisation: number | null = 0.5): Gpu => ({
  name: "GPU",
  memoryMb: 1000,
  usedMb: 100,
  utilisation,
  powerW,
});

/** A meter of a machine whose GPUs answer with each of these in turn, then with the last. */
function openMeter(answers: Gpu[][]) {
  let asked = 0;
  const meter = new HardwareMeter(
    {
      measureCpu: () => 0.25,
      readUsedMemoryMb: () => Promise.resolve(2048),
      readGpus: () => Promise.resolve(answers[Math.min(asked++, answers.length - 1)]!),
    },
    () => Date.now(),
  );
  meter.start();
  return { meter, countAsked: () => asked };
}

it("measures processors and memory where there is no GPU, and says nothing of GPUs", async () => {
  const { meter } = openMeter([[]]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await meter.take()).toEqual({ cpu: 0.25, memoryMb: 2048 });
});

it("counts the GPUs together and their power over the whole time, step by step", async () => {
  const { meter } = openMeter([
    [gpu(100, 0), gpu(100, 0)],
    [gpu(300, 1), gpu(300, 0.5)],
  ]);
  await vi.advanceTimersByTimeAsync(5_000);
  // From 200 W to 600 W in five seconds, then 600 W for two: 400 × 5 + 600 × 2 joules.
  await vi.advanceTimersByTimeAsync(2_000);
  const first = await meter.take();
  expect(first).toMatchObject({ gpuUtilisation: 0.375, gpuMemoryMb: 200, gpuPowerW: 400 });
  expect(first.gpuEnergyWh).toBeCloseTo(3200 / 3600, 10);
  // A step shorter than the time between two samples has the values of the last one.
  await vi.advanceTimersByTimeAsync(1_000);
  const second = await meter.take();
  expect(second).toMatchObject({ gpuUtilisation: 0.75, gpuPowerW: 600 });
  expect(second.gpuEnergyWh).toBeCloseTo(600 / 3600, 10);
});

it("gives no energy for a time in which a GPU did not say its power", async () => {
  const { meter } = openMeter([
    [gpu(100), gpu(100)],
    [gpu(100), gpu(null)],
    [gpu(100), gpu(100)],
  ]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await meter.take()).toEqual({
    cpu: 0.25,
    memoryMb: 2048,
    gpuUtilisation: 0.5,
    gpuMemoryMb: 200,
  });
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await meter.take()).gpuEnergyWh).toBeCloseTo(1000 / 3600, 10);
});

it("asks no GPU after it was stopped", async () => {
  const { meter, countAsked } = openMeter([[gpu(100)]]);
  await vi.advanceTimersByTimeAsync(5_000);
  meter.stop();
  const asked = countAsked();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked, countAsked()]).toEqual([2, 2]);
});

it("says nothing of GPUs while they do not answer, in place of their last values", async () => {
  const { meter } = openMeter([[gpu(100)], [gpu(100)], [], [gpu(100)], [gpu(100)], [gpu(100)]]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await meter.take()).gpuEnergyWh).toBeCloseTo(500 / 3600, 10);
  await vi.advanceTimersByTimeAsync(7_000);
  expect(await meter.take()).toEqual({ cpu: 0.25, memoryMb: 2048 });
  await vi.advanceTimersByTimeAsync(3_000);
  expect((await meter.take()).gpuEnergyWh).toBeUndefined();
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await meter.take()).gpuEnergyWh).toBeCloseTo(500 / 3600, 10);
});

it("gives no energy of a step at whose beginning the GPUs did not answer", async () => {
  const { meter } = openMeter([[], [gpu(100)]]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect((await meter.take()).gpuEnergyWh).toBeUndefined();
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await meter.take()).gpuEnergyWh).toBeCloseTo(500 / 3600, 10);
});

it("does not ask again while GPUs are asked, and takes that for no answer", async () => {
  let asked = 0;
  const meter = new HardwareMeter(
    {
      measureCpu: () => 0.25,
      readUsedMemoryMb: () => Promise.resolve(2048),
      readGpus: () => (asked++ === 0 ? Promise.resolve([gpu(100)]) : new Promise(() => undefined)),
    },
    () => Date.now(),
  );
  meter.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(2);
  expect(await meter.take()).toEqual({ cpu: 0.25, memoryMb: 2048 });
  meter.stop();
});
