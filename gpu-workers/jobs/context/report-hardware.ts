import { setTimeout as sleep } from "node:timers/promises";
import { HardwareMeter, type HardwareUse } from "@/gpu-workers/runtime/hardware-meter";
import { buildMetricPoints, type MetricValues } from "@/gpu-workers/rl/metric-values";
import type { Executor, RunContext } from "./run-context";

/** The metrics of what a machine did. */
export const buildHardwareMetrics = (use: HardwareUse): MetricValues => ({
  "system/cpu": use.cpu,
  "system/memory_mb": use.memoryMb,
  "system/gpu_utilisation": use.gpuUtilisation,
  "system/gpu_memory_mb": use.gpuMemoryMb,
  "system/gpu_power_w": use.gpuPowerW,
  "system/gpu_energy_wh": use.gpuEnergyWh,
});

/**
 * How long until the next report, in milliseconds: a short run has a curve, and a service that is up for weeks a few
 * points an hour.
 */
const computeInterval = (elapsedMs: number): number =>
  Math.min(300_000, Math.max(10_000, elapsedMs / 100));

/** What measures, and when; tests give their own. */
interface Measuring {
  meter: Pick<HardwareMeter, "start" | "stop" | "take">;
  interval: (elapsedMs: number) => number;
}

/**
 * Reports what the machine does while a run without training steps is on it: their step is the second of the attempt.
 * The last report is made when the run has succeeded.
 */
export const withHardware =
  (executor: Executor, measuring?: Measuring): Executor =>
  async (context) => {
    const { meter, interval } = measuring ?? {
      meter: new HardwareMeter(),
      interval: computeInterval,
    };
    const over = new AbortController();
    const began = Date.now();
    meter.start();
    const report = (): Promise<void> => reportUse(context, meter, Date.now() - began);
    const reporting = (async () => {
      const signal = AbortSignal.any([over.signal, context.signal]);
      for (;;) {
        await sleep(interval(Date.now() - began), undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        await report();
      }
    })();
    try {
      await executor(context);
      over.abort();
      await reporting;
      await report();
    } finally {
      over.abort();
      meter.stop();
      await reporting;
    }
  };

/** Never throws: no run fails for want of these figures, and where no report arrives it fails by its own. */
async function reportUse(
  context: RunContext,
  meter: Measuring["meter"],
  elapsedMs: number,
): Promise<void> {
  try {
    const values = buildHardwareMetrics(await meter.take());
    const points = buildMetricPoints(values, Math.round(elapsedMs / 1000));
    await context.report({ kind: "metrics", points });
  } catch (error) {
    if (!context.signal.aborted)
      context.log("warn", `What the machine does was not reported: ${String(error)}`);
  }
}
