import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { computeMean } from "@/core/statistics/summary";
import { migrate } from "@/server/platform/db/migrate";
import { startPostgres } from "@/server/testing/postgres";
import { buildBar, type Bar } from "@/bench/report/report";
import { beginRun, buildPoints } from "./reporter";
import { startServerProcess, type KeptMemory } from "./server-process";

const MINUTES = 10;
/** Until caches, pools and compiled code are what they stay. */
const WARM_UP_MINUTES = 2;
/** Steps of 50 metrics in one report, and the pause after each answer: about as much as the machine takes in beside its other work. */
const STEPS_A_REPORT = 20;
const PAUSE_MS = 5;
const SAMPLE_MS = 20_000;
/** What the memory of a process without a leak moves within ten minutes. */
const GROWTH_MB_A_MINUTE = 2;

/**
 * Memory of the server while metrics are reported for ten minutes without an end. Between two collections of garbage it
 * rises by hundreds of MB and falls again, so it is read right after one, which the bench asks for.
 */
export async function measureEndurance(): Promise<{
  bars: Bar[];
  figures: Record<string, unknown>;
}> {
  const postgres = await startPostgres({ durable: true });
  try {
    await migrate(postgres.url);
    const server = await startServerProcess(postgres.url);
    try {
      const loadAtStart = loadavg()[0]!;
      const reporter = await beginRun(server);
      const began = performance.now();
      const minutes = (): number => (performance.now() - began) / 60_000;
      const samples: Sample[] = [];
      let points = 0;
      for (let step = 0, sampled = -Infinity; minutes() < MINUTES; step += STEPS_A_REPORT) {
        const report = buildPoints(step, STEPS_A_REPORT);
        await reporter.report(report);
        points += report.length;
        await sleep(PAUSE_MS);
        if (performance.now() - sampled < SAMPLE_MS) continue;
        sampled = performance.now();
        const before = await server.readMemory();
        samples.push({
          minutes: minutes(),
          before,
          ...(await server.collectAndReadMemory()),
        });
      }
      await reporter.end();
      const warm = samples.filter((sample) => sample.minutes >= WARM_UP_MINUTES);
      const buildGrowthBar = (what: string, read: (sample: Sample) => number): Bar =>
        buildBar(
          `growth of ${what} while metrics come in for ${MINUTES} minutes, garbage collected`,
          fitSlope(warm, read),
          "MB a minute",
          "<=",
          GROWTH_MB_A_MINUTE,
        );
      return {
        bars: [
          buildGrowthBar("what the server uses", ({ used }) => used),
          buildGrowthBar("the server's resident memory", ({ resident }) => resident),
        ],
        figures: {
          points,
          pointsASecond: Math.round(points / (60 * MINUTES)),
          usedMb: warm.map(({ used }) => Math.round(used)),
          residentMb: warm.map(({ resident }) => Math.round(resident)),
          residentMbBeforeCollection: warm.map(({ before }) => Math.round(before)),
          loads: [loadAtStart, loadavg()[0]!].map((load) => Number(load.toFixed(1))),
        },
      };
    } finally {
      await server.stop();
    }
  } finally {
    await postgres.stop();
  }
}

interface Sample extends KeptMemory {
  minutes: number;
  /** Resident memory right before garbage was collected. */
  before: number;
}

/** Slope of the line that fits samples best, in MB a minute. */
function fitSlope(samples: readonly Sample[], read: (sample: Sample) => number): number {
  const mean = (values: number[]): number => computeMean(values) ?? NaN;
  const [x, y] = [mean(samples.map((s) => s.minutes)), mean(samples.map(read))];
  const covariance = mean(samples.map((s) => (s.minutes - x) * (read(s) - y)));
  return covariance / mean(samples.map((s) => (s.minutes - x) ** 2));
}
