import { buildBar, type Bar } from "@/bench/report/report";
import { measureRequests, type Product } from "./product";
import { LONG_NAMES } from "./fill-metrics";
import { SIZES, type FilledRuns } from "./sizes";

const REQUESTS = 40;

/** What charts, comparisons and the page of a sweep ask for, as pages ask for it: over HTTP, compressed. */
export async function measureCharts(
  product: Product,
  { big, sweep }: FilledRuns,
): Promise<{ bars: Bar[]; figures: Record<string, unknown> }> {
  const runIds = [...big];
  // Another number of points each time, so that no answer is shared.
  const chart = await measureRequests(product, REQUESTS, (i) => [
    "metrics.seriesOfRuns",
    { runIds, names: [LONG_NAMES[i % LONG_NAMES.length]], maxPoints: 500 + Math.floor(i / 25) },
  ]);
  // What `useDetailOfRuns` asks for: the part of each run, with the usual number of points of its own.
  const zoomed = await measureRequests(product, REQUESTS, (i) => {
    const from = Math.floor(((i + 1) / (REQUESTS + 2)) * SIZES.bigSteps);
    return [
      "metrics.seriesOfRuns",
      { runIds, names: [LONG_NAMES[0]], maxPoints: 500, from, to: from + 1_000 },
    ];
  });
  const all = await measureRequests(product, 10, (i) => [
    "metrics.seriesOfRuns",
    { runIds: [runIds[i % runIds.length]], names: LONG_NAMES, maxPoints: 500 },
  ]);
  const table = await measureRequests(product, 20, () => ["sweeps.get", { id: sweep }]);
  const curves = await measureRequests(product, 20, () => [
    "sweeps.series",
    { id: sweep, metric: "held-out/accuracy" },
  ]);
  return {
    bars: [
      buildBar("a metric of 10 runs of 100,000 steps, p95", chart.p95, "ms", "<=", 200),
      buildBar("the same zoomed to 1,000 steps, p95", zoomed.p95, "ms", "<=", 200),
      buildBar("50 metrics of a run of 100,000 steps, p95", all.p95, "ms", "<=", 1_000),
      buildBar("table of a sweep of 200 runs, p95", table.p95, "ms", "<=", 1_000),
      buildBar("curves of a sweep of 200 runs, p95", curves.p95, "ms", "<=", 1_000),
    ],
    figures: { chart, zoomed, all, table, curves },
  };
}
