import type { RetrieveMetrics } from "@/contracts/formats/retrieve";

type MetricType = "counter" | "gauge" | "summary";

/** The metrics of a service in Prometheus' text format (version 0.0.4): seconds and bytes, as its conventions want. */
export function formatPrometheus(metrics: RetrieveMetrics, ready: boolean): string {
  const { latencyMs } = metrics;
  const quantiles: [string, number][] = [];
  if (latencyMs.p50 !== null) quantiles.push(['{quantile="0.5"}', latencyMs.p50 / 1000]);
  if (latencyMs.p99 !== null) quantiles.push(['{quantile="0.99"}', latencyMs.p99 / 1000]);
  const families: [
    name: string,
    kind: MetricType,
    help: string,
    samples: [suffix: string, value: number][],
  ][] = [
    [
      "s3_retrieve_ready",
      "gauge",
      "1 where the service answers, 0 where it starts or stops.",
      [["", ready ? 1 : 0]],
    ],
    [
      "s3_retrieve_uptime_seconds",
      "gauge",
      "Seconds since the service listens.",
      [["", metrics.uptimeSeconds]],
    ],
    ["s3_retrieve_requests_total", "counter", "Requests to /retrieve.", [["", metrics.requests]]],
    ["s3_retrieve_queries_total", "counter", "Queries in valid requests.", [["", metrics.queries]]],
    [
      "s3_retrieve_errors_total",
      "counter",
      "Requests that were wrong or failed.",
      [["", metrics.errors]],
    ],
    [
      "s3_retrieve_refused_total",
      "counter",
      "Requests answered with 503.",
      [["", metrics.refused]],
    ],
    [
      "s3_retrieve_batches_total",
      "counter",
      "Encoder batches that the requests became.",
      [["", metrics.batches]],
    ],
    [
      "s3_retrieve_waiting_queries",
      "gauge",
      "Queries that wait for the next batch.",
      [["", metrics.waitingQueries]],
    ],
    [
      "s3_retrieve_memory_bytes",
      "gauge",
      "Resident memory of the process that serves.",
      [["", Math.round(metrics.memoryMb * 1024 * 1024)]],
    ],
    [
      "s3_retrieve_request_seconds",
      "summary",
      "From the arrival of a request to its answer; quantiles over the latest requests.",
      [...quantiles, ["_sum", metrics.latencySumMs / 1000], ["_count", metrics.latencyCount]],
    ],
  ];
  return families
    .map(
      ([name, kind, help, samples]) =>
        `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${samples.map(([suffix, value]) => `${name}${suffix} ${value}\n`).join("")}`,
    )
    .join("");
}
