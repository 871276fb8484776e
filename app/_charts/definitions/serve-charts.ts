import { markText } from "@/app/_i18n/format-text";
import { defineLines, defineSeries } from "./definitions";
import type { ChartDefinition, ChartGroup } from "@/app/_charts/prepare/chart-definition";

/** Charts of a service with the chart of its load. */
const defineService = (load: ChartDefinition): readonly ChartGroup[] => [
  {
    title: markText("Service"),
    charts: [
      defineLines("serve-latency", "service-latency", "positive", [
        defineSeries("serve/latency_ms_p50", markText("Median")),
        defineSeries("serve/latency_ms_p99", markText("99th percentile"), 2),
      ]),
      load,
      defineLines(
        "serve-health",
        "service-health",
        "positive",
        [
          defineSeries("serve/refused", markText("Refused"), 5),
          defineSeries("serve/errors", markText("Errors"), 2),
        ],
        { unit: "count" },
      ),
      defineLines(
        "serve-memory",
        "service-memory",
        "positive",
        [defineSeries("serve/memory_mb", markText("MiB"))],
        { unit: "count" },
      ),
    ].map((chart) => ({ ...chart, ownAxis: "second" })),
  },
];

/** Charts of a served retriever. */
export const SERVE_CHARTS = defineService(
  defineLines("serve-load", "retriever-load", "positive", [
    defineSeries("serve/requests_per_second", markText("Requests/s")),
    defineSeries("serve/queries_per_second", markText("Queries/s"), 6),
    defineSeries("serve/waiting", markText("Waiting"), 5),
  ]),
);

/** Charts of a served model: those of a retriever, with tokens instead of queries. */
export const SERVE_MODEL_CHARTS = defineService(
  defineLines("serve-load", "model-load", "positive", [
    defineSeries("serve/requests_per_second", markText("Requests/s")),
    defineSeries("serve/prompt_tokens_per_second", markText("Prompt tokens/s"), 6),
    defineSeries("serve/completion_tokens_per_second", markText("Written tokens/s"), 3),
    defineSeries("serve/waiting", markText("Waiting"), 5),
  ]),
);
