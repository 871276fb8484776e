import { performance } from "node:perf_hooks";
import { listRunsRequestSchema } from "@/contracts/api/run-list";
import { computeQuantile } from "@/core/statistics/bootstrap";
import { buildBar, type Bar } from "@/bench/report/report";
import type { RunReader } from "@/server/features/runs/run-reader";

const REPEATS = 40;
const LIMIT_MS = 200;

/** Ways in which people ask for the list: filters, orders, columns. */
const LISTS: Readonly<Record<string, object>> = {
  newest: {},
  "by name": { sort: "name" },
  "by result": { sort: "reward" },
  "by duration": { sort: "duration" },
  "with six columns": {
    columns: [
      "last:reward/mean",
      "best:reward/mean",
      "last:held-out/accuracy",
      "setting:rl.steps",
      "setting:seed",
      "setting:search.turns",
    ],
  },
  "by a metric": { sort: { column: "best:reward/mean", descending: true } },
  "by a setting": { sort: { column: "setting:seed", descending: true } },
  "of a setting": { settings: [{ path: "seed", sign: "=", value: "7" }] },
  "of a setting's range": { settings: [{ path: "seed", sign: ">", value: "7" }] },
  "of a text": { text: "9" },
  "sweeps folded": { foldSweeps: true },
};

/** 95th percentile of reading a page of 50 among all runs, in milliseconds; every page is the one after the last. */
export async function measureRunLists(reader: RunReader): Promise<Bar[]> {
  const bars: Bar[] = [];
  for (const [name, request] of Object.entries(LISTS)) {
    const times: number[] = [];
    let cursor: string | null = null;
    for (let i = 0; i < REPEATS; i++) {
      const start = performance.now();
      const page = await reader.list(listRunsRequestSchema.parse({ ...request, cursor }));
      times.push(performance.now() - start);
      cursor = page.nextCursor;
    }
    times.sort((a, b) => a - b);
    bars.push(buildBar(`runs, ${name}`, computeQuantile(times, 0.95), "ms", "<=", LIMIT_MS));
  }
  return bars;
}
