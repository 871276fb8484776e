import { COLOUR, type ChartGroup } from "./definitions";

/** What a service shows of its requests. */
export const SERVE_CHARTS: readonly ChartGroup[] = [
  {
    title: "Service",
    charts: [
      {
        id: "serve-latency",
        title: "Latency",
        explanation: "Milliseconds from a request to its answer, over the latest 1024 requests.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "second",
        series: [
          { metric: "serve/latency_ms_p50", label: "Median", colour: "var(--series-1)" },
          { metric: "serve/latency_ms_p99", label: "99th percentile", colour: "var(--series-2)" },
        ],
      },
      {
        id: "serve-load",
        title: "Load",
        explanation:
          "Requests and queries a second, and queries that wait: what waits longer and longer is too much.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "second",
        series: [
          { metric: "serve/requests_per_second", label: "Requests/s", colour: "var(--series-1)" },
          { metric: "serve/queries_per_second", label: "Queries/s", colour: "var(--series-6)" },
          { metric: "serve/waiting", label: "Waiting", colour: "var(--series-5)" },
        ],
      },
      {
        id: "serve-health",
        title: "Refused and failed",
        explanation:
          "Requests answered 503, and requests that were wrong or failed, since the report before.",
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "second",
        series: [
          { metric: "serve/refused", label: "Refused", colour: "var(--series-5)" },
          { metric: "serve/errors", label: "Errors", colour: "var(--series-2)" },
        ],
      },
      {
        id: "serve-memory",
        title: "Memory",
        explanation: "Resident memory of the process that serves, in MiB: steady growth is a leak.",
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "second",
        series: [{ metric: "serve/memory_mb", label: "MiB", colour: COLOUR.s3 }],
      },
    ],
  },
];

/** Of a served model: as a retriever's, with the tokens instead of the queries. */
export const SERVE_MODEL_CHARTS: readonly ChartGroup[] = SERVE_CHARTS.map((group) => ({
  ...group,
  charts: group.charts.map((chart) =>
    chart.id !== "serve-load"
      ? chart
      : {
          ...chart,
          explanation:
            "Requests and tokens a second, and requests that wait: what waits longer and longer is too much.",
          series: [
            { metric: "serve/requests_per_second", label: "Requests/s", colour: "var(--series-1)" },
            {
              metric: "serve/prompt_tokens_per_second",
              label: "Prompt tokens/s",
              colour: "var(--series-6)",
            },
            {
              metric: "serve/completion_tokens_per_second",
              label: "Written tokens/s",
              colour: "var(--series-3)",
            },
            { metric: "serve/waiting", label: "Waiting", colour: "var(--series-5)" },
          ],
        },
  ),
}));
