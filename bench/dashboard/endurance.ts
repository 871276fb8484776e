import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { computeMean } from "@/core/statistics/summary";
import { groupBy } from "@/lib/group-by";
import { migrate } from "@/server/platform/db/migrate";
import { startPostgres } from "@/server/testing/postgres";
import { buildBar, type Bar } from "../lib";
import { beginRun, buildPoints } from "./reporter";
import { startServerProcess } from "./server-process";

const MINUTES = 10;
/** Until caches, pools and compiled code are what they stay. */
const WARM_UP_MINUTES = 2;
/** Steps of 50 metrics in one report, and the pause after each answer: about as much as the machine takes in beside its other work. */
const STEPS_A_REPORT = 20;
const PAUSE_MS = 5;
const SAMPLE_MS = 5_000;
/** What the memory of a process without a leak moves within ten minutes. */
const GROWTH_MB_A_MINUTE = 2;

/**
 * Memory of the server while metrics are reported for ten minutes without an end. Between two collections of garbage it
 * rises by hundreds of MB and falls again: of each minute the least counts, which still moves by tens of MB.
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
        samples.push({ minutes: minutes(), mb: await server.readMemory() });
      }
      await reporter.end();
      const warm = samples.filter((sample) => sample.minutes >= WARM_UP_MINUTES);
      const memory = warm.map(({ mb }) => mb);
      const kept = takeLeastOfEachMinute(warm);
      return {
        bars: [
          buildBar(
            `growth of the server's memory while metrics come in for ${MINUTES} minutes, by the least of each`,
            fitSlope(kept),
            "MB a minute",
            "<=",
            GROWTH_MB_A_MINUTE,
          ),
        ],
        figures: {
          points,
          pointsASecond: Math.round(points / (60 * MINUTES)),
          memoryMb: {
            first: Math.round(memory[0] ?? NaN),
            last: Math.round(memory.at(-1) ?? NaN),
            least: Math.round(Math.min(...memory)),
            most: Math.round(Math.max(...memory)),
          },
          leastOfEachMinute: kept.map(({ mb }) => Math.round(mb)),
          everySample: samples.map(({ mb }) => Math.round(mb)),
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

interface Sample {
  minutes: number;
  mb: number;
}

/** The sample of each minute in which the process held the least. */
function takeLeastOfEachMinute(samples: readonly Sample[]): Sample[] {
  const byMinute = groupBy(samples, ({ minutes }) => Math.floor(minutes));
  return [...byMinute.values()].map((all) => all.reduce((a, b) => (b.mb < a.mb ? b : a)));
}

/** Slope of the line that fits samples best, in MB a minute. */
function fitSlope(samples: readonly Sample[]): number {
  const mean = (values: number[]): number => computeMean(values) ?? NaN;
  const [x, y] = [mean(samples.map((s) => s.minutes)), mean(samples.map((s) => s.mb))];
  const covariance = mean(samples.map((s) => (s.minutes - x) * (s.mb - y)));
  return covariance / mean(samples.map((s) => (s.minutes - x) ** 2));
}
