import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@/contracts/errors";
import type { MetricName } from "@/core/metrics/metric-table";
import type { ServiceFigures } from "@/gpu-workers/runtime/service-figures";
import type { RunContext } from "@/gpu-workers/jobs/context/run-context";

export interface ServeTimes {
  /** Metrics are reported this often while there are requests. */
  reportMs: number;
  /** The same while there are none. */
  idleReportMs: number;
  /** How long a later attempt waits for its port: the attempt before it may be about to let go. */
  portMs: number;
}
export const SERVE_TIMES: ServeTimes = { reportMs: 5_000, idleReportMs: 60_000, portMs: 20_000 };

/** Probes in a row that a service may fail before the run gives up. */
const FAILED_PROBES = 3;

/** A service that is up. */
export interface RunningService<F extends ServiceFigures> {
  /** Where others reach it. */
  address: string;
  figures(): F;
  /** Counts of its own since it began, by the metric that says how many a second. */
  rates(figures: F): Readonly<Record<string, number>> & Partial<Record<MetricName, number>>;
  /** Resident memory, or null where nobody can say. */
  readMemoryMb(): Promise<number | null>;
  /** Asks it something small; throws where it does not answer. */
  probe(): Promise<unknown>;
}

/** Reports what a service does until its run is cancelled; throws where it fails for good. */
export async function runUntilCancelled<F extends ServiceFigures>(
  context: RunContext,
  served: RunningService<F>,
  times: ServeTimes,
): Promise<never> {
  const { signal } = context;
  const { address } = served;
  const began = Date.now();
  let last = { at: began, figures: served.figures() };
  let failedProbes = 0;
  await context.reportProgress({ phase: "serving", done: 0, total: 0, detail: address });
  for (;;) {
    await sleep(times.reportMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new AppError("cancelled", "The service was stopped.");
    const now = { at: Date.now(), figures: served.figures() };
    const { figures } = now;
    const seconds = (now.at - last.at) / 1000;
    if (
      figures.requests === last.figures.requests &&
      figures.waiting === 0 &&
      seconds * 1000 < times.idleReportMs
    )
      continue;
    const memoryMb = await served.readMemoryMb().catch(() => null);
    const values = {
      ...computeMetrics(figures, last.figures, seconds),
      ...computeRates(served.rates(figures), served.rates(last.figures), seconds),
      ...(memoryMb !== null && { "serve/memory_mb": memoryMb }),
    };
    // Their step: seconds that this attempt has served.
    const step = Math.round((now.at - began) / 1000);
    await context.report({
      kind: "metrics",
      points: Object.entries(values).map(([name, value]) => ({
        name: name as MetricName,
        step,
        value,
        at: now.at,
      })),
    });
    await context.reportProgress({
      phase: "serving",
      done: figures.requests,
      total: 0,
      detail: address,
    });
    if (
      figures.refused + figures.errors > last.figures.refused + last.figures.errors ||
      failedProbes > 0
    ) {
      try {
        await served.probe();
        failedProbes = 0;
      } catch (error) {
        if (!signal.aborted && ++failedProbes >= FAILED_PROBES) throw error;
      }
    }
    // What has ended meanwhile is of the next report.
    last = now;
  }
}

function computeMetrics(
  now: ServiceFigures,
  before: ServiceFigures,
  seconds: number,
): Partial<Record<MetricName, number>> {
  const { p50, p99 } = now.latencyMs;
  const answered = now.latencyCount > before.latencyCount;
  return {
    "serve/requests_per_second": (now.requests - before.requests) / seconds,
    "serve/waiting": now.waiting,
    "serve/refused": now.refused - before.refused,
    "serve/errors": now.errors - before.errors,
    ...(answered && p50 !== null && { "serve/latency_ms_p50": p50 }),
    ...(answered && p99 !== null && { "serve/latency_ms_p99": p99 }),
  };
}

const computeRates = (
  now: Readonly<Record<string, number>>,
  before: Readonly<Record<string, number>>,
  seconds: number,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(now).map(([name, value]) => [name, (value - before[name]!) / seconds]),
  );
