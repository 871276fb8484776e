"use client";
import { useState } from "react";
import { ChartCard } from "@/app/_charts/chart-card";
import { ChartScopeProvider } from "@/app/_charts/drawing/chart-scope";
import { listMetrics } from "@/app/_charts/prepare/chart-definition";
import { SERVE_CHARTS, SERVE_MODEL_CHARTS } from "@/app/_charts/definitions/serve-charts";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatMegabytes, formatNumber, NONE } from "@/app/_lib/format/format";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { CopyButton } from "@/app/_ui/copy-button";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { EmptyState, QueryErrorState } from "@/app/_ui/states";
import { isLoopbackUrl } from "@/contracts/formats/loopback";
import {
  formatServedName,
  listServedNames,
  type ServeConfig,
} from "@/contracts/run-config/serve-config";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { Stat, StatStrip } from "./stat";
import { useLatest, useSeries, type Series } from "@/app/_lib/live/use-series";

const METRICS = {
  retriever: listMetrics(SERVE_CHARTS),
  model: listMetrics(SERVE_MODEL_CHARTS),
} as const;
const NO_SERIES: Series = {};

/** A service: its address, how to use it, and its charts. */
export function ServeOverview({ run, config }: { run: RunDetail; config: ServeConfig }) {
  const t = useText();
  const query = useSeries(run.id, METRICS[config.what]);
  const series = query.data ?? NO_SERIES;
  const ended = TERMINAL_STATES.has(run.state);
  const serves = run.state === "running" && run.progress?.phase === "serving";
  const address = run.progress?.phase === "serving" ? run.progress.detail : null;
  const rate = useLatest(series, "serve/requests_per_second");
  const p50 = useLatest(series, "serve/latency_ms_p50");
  const p99 = useLatest(series, "serve/latency_ms_p99");
  const written = useLatest(series, "serve/completion_tokens_per_second");
  const waiting = useLatest(series, "serve/waiting");
  const refused = useLatest(series, "serve/refused");
  const memory = useLatest(series, "serve/memory_mb");
  return (
    <>
      {serves && address ? (
        <ServiceAddress address={address} config={config} />
      ) : (
        <EmptyState title={ended ? t("The service is stopped") : t("The service is starting")}>
          {ended
            ? t(
                "Resume the run to start it again: with a port of its own it comes back at the same address.",
              )
            : t(
                "Its address appears here once the {what} is ready; meanwhile requests are answered 503.",
                { what: config.what === "model" ? t("model") : t("retriever") },
              )}
        </EmptyState>
      )}
      <div className="mt-3">
        <StatStrip>
          <Stat label={t("Requests a second")} value={formatNumber(serves ? rate : null)}>
            {t("since the last report")}
          </Stat>
          {config.what === "model" ? (
            <Stat label={t("Tokens a second")} value={formatNumber(serves ? written : null)}>
              {t("written, since the last report")}
            </Stat>
          ) : null}
          <Stat label={t("Latency, median")} value={formatMilliseconds(p50)} term="service-latency">
            {t("latest 1024 requests")}
          </Stat>
          <Stat
            label={t("Latency, 99th percentile")}
            value={formatMilliseconds(p99)}
            term="service-latency"
          >
            {t("latest 1024 requests")}
          </Stat>
          <Stat
            label={config.what === "model" ? t("Waiting requests") : t("Waiting queries")}
            value={formatNumber(serves ? waiting : null)}
          >
            {t("of {limit} at most", {
              limit: config.what === "model" ? config.waiting : config.limits.waiting,
            })}
          </Stat>
          <Stat label={t("Refused")} value={formatNumber(serves ? refused : null)}>
            {t("503 since the last report")}
          </Stat>
          <Stat label={t("Memory")} value={formatMegabytes(memory)}>
            {config.what === "model" ? t("the model server") : t("the worker’s process")}
          </Stat>
        </StatStrip>
      </div>
      <QueryErrorState className="mt-4" title={t("The metrics could not be read")} query={query} />
      <ChartScopeProvider runId={run.id} xName="second">
        <div className="mt-3 flex flex-wrap gap-3">
          {(config.what === "model" ? SERVE_MODEL_CHARTS : SERVE_CHARTS)
            .flatMap((group) => group.charts)
            .map((chart) => (
              <ChartCard
                key={chart.id}
                chart={chart}
                points={series}
                waiting={
                  query.isPending
                    ? t("Loading")
                    : ended
                      ? t("No point was reported.")
                      : t("Comes with the first requests.")
                }
              />
            ))}
        </div>
      </ChartScopeProvider>
    </>
  );
}

const formatMilliseconds = (value: number | null): string =>
  value === null ? NONE : `${formatNumber(value)} ms`;

type Snippets = Readonly<Record<string, string>>;

const buildRetrieverSnippets = (address: string): Snippets => ({
  curl: `curl -s ${address} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"queries": ["capital of France"], "topk": 3, "return_scores": true}'`,
  [markText("upstream's trainer")]:
    `# at the end of train_s3.sh's command\nretriever.url="${address}" \\\nretriever.topk=8`,
  [markText("a run here")]: `{ "retriever": { "kind": "remote", "url": "${address}" } }`,
});

function buildModelSnippets(address: string, model: string, key: string | null): Snippets {
  const connection = key === null ? "" : `, "connection": { "key": "${key}" }`;
  return {
    curl: `curl -s ${address}/chat/completions \\\n  -H 'Content-Type: application/json' \\\n${key === null ? "" : `  -H "Authorization: Bearer $KEY" \\\n`}  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Say hello."}]}'`,
    [markText("OpenAI's client")]:
      `client = OpenAI(base_url="${address}", api_key=${key === null ? '"none"' : 'os.environ["KEY"]'})\nclient.chat.completions.create(model="${model}", messages=[{"role": "user", "content": "Say hello."}])`,
    [markText("a run's generator")]:
      `{ "generator": { "model": "${model}", "endpoint": "${address}"${connection} } }`,
    [markText("a method's model")]:
      `{ "searcher": { "model": "${model}", "endpoint": "${address}"${connection} } }`,
  };
}

function ServiceAddress({ address, config }: { address: string; config: ServeConfig }) {
  const t = useText();
  const snippets =
    config.what === "model"
      ? buildModelSnippets(address, formatServedName(config), config.key)
      : buildRetrieverSnippets(address);
  const aliases = config.what === "model" ? listServedNames(config).slice(1) : [];
  const [use, setUse] = useState("curl");
  const text = snippets[use] ?? "";
  const isLocal = config.advertise === null && isLoopbackUrl(address);
  return (
    <Card className="pb-3">
      <CardHeader
        title={t("Address")}
        description={
          isLocal
            ? t(
                "Reached from its worker only: for other machines set Listen on and Advertised address, or use a tunnel.",
              )
            : t("As the run's settings advertise it.")
        }
      >
        <CopyButton size="sm" text={address} label={t("Copy")} />
      </CardHeader>
      <p className="mt-1 px-4 font-mono break-all" data-testid="serve-address">
        {address}
      </p>
      {config.what === "model" ? (
        <p className="mt-1 px-4 text-xs text-muted-foreground">
          {t.rich("Model <name>{model}</name>, {server}, {key}", {
            name: (model) => <span className="font-mono text-foreground">{model}</span>,
            model: formatServedName(config),
            server:
              config.server.kind === "vllm"
                ? t("vLLM on {count, plural, one {# GPU} other {# GPUs}}", {
                    count: config.server.tensorParallelSize,
                  })
                : t("the worker’s engine"),
            key: config.key === null ? t("no key") : t("key “{key}”", { key: config.key }),
          })}
        </p>
      ) : null}
      {aliases.length > 0 ? (
        <p className="mt-1 px-4 text-xs break-words text-muted-foreground">
          {t.rich("Also answers to <name>{names}</name>", {
            name: (names) => <span className="font-mono text-foreground">{names}</span>,
            names: aliases.join(", "),
          })}
        </p>
      ) : null}
      <div className="mt-3 flex flex-wrap items-center gap-1.5 px-4">
        <span className="mr-1 text-xs text-muted-foreground">{t("Use it from")}</span>
        {Object.keys(snippets).map((name) => (
          <Button
            key={name}
            size="sm"
            variant={name === use ? "outline" : "ghost"}
            aria-pressed={name === use}
            onClick={() => setUse(name)}
          >
            {t(name)}
          </Button>
        ))}
        <CopyButton
          size="sm"
          variant="ghost"
          className="ml-auto"
          text={text}
          label={t("Copy the snippet")}
        />
      </div>
      <ScrollRegion label={t(use)} className="mx-4 mt-2 rounded-md bg-muted px-3 py-2">
        <pre className="font-mono text-xs">{text}</pre>
      </ScrollRegion>
    </Card>
  );
}
