"use client";
import { useMemo } from "react";
import { ChartCard } from "@/app/_charts/chart-card";
import { listMetrics, type ChartDefinition } from "@/app/_charts/definitions";
import { selectTrainCharts, TRAIN_CHARTS } from "@/app/_charts/train-charts";
import { HoverProvider } from "@/app/_charts/hover";
import { findMarks } from "@/app/_charts/marks";
import { formatNumber, formatSeconds, formatShare, formatSigned } from "@/app/_lib/format";
import type { RunDetail } from "@/app/_lib/trpc";
import { QueryErrorState } from "@/app/_ui/states";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { AlarmList, useAlarms } from "./alarms";
import { estimateRemainingSeconds } from "./remaining";
import { Stat, StatStrip } from "./stat";
import { useLatest, useSeries, type Series } from "./use-series";

export const TRAIN_METRICS = listMetrics(TRAIN_CHARTS).concat("held-out/gbr", "timing_s/step");
const NO_SERIES: Series = {};

/** Why a chart is still empty. */
function explainEmptyChart(chart: ChartDefinition, run: RunDetail, config: TrainConfig): string {
  const heldOut = chart.series.every((s) => s.metric.startsWith("held-out/"));
  if (heldOut && config.evaluation.questions === 0) return "This run asks no held-out questions.";
  if (chart.id === "kl" && config.rl.klCoefficient === 0)
    return "Not measured: the KL coefficient is 0, so no reference policy is kept.";
  if (TERMINAL_STATES.has(run.state)) return "No point was reported.";
  if (run.state === "queued") return "Points arrive when a worker takes the run.";
  if (heldOut) return "Comes with the first held-out evaluation.";
  if (chart.ownAxis) return "Comes with the first batch of the cold start.";
  return "Comes with the first step of reinforcement learning.";
}

/** A training run's numbers, alarms and charts. */
export function TrainOverview({ run }: { run: RunDetail }) {
  const query = useSeries(run.id, TRAIN_METRICS);
  const series = query.data ?? NO_SERIES;
  const config = run.config.kind === "train" ? run.config : null;
  const groups = useMemo(() => (config ? selectTrainCharts(config) : []), [config]);
  const { alarms } = useAlarms(run.id);
  const marks = useMemo(() => findMarks(groups, alarms), [groups, alarms]);
  if (!config) return null;
  return (
    <>
      <Summary run={run} config={config} series={series} />
      <QueryErrorState className="mt-4" title="The metrics could not be read" query={query} />
      <AlarmList runId={run.id} />
      <HoverProvider>
        {groups.map((group) => (
          <section key={group.title} aria-label={group.title} className="mt-5">
            <h2 className="mb-2 text-xs font-semibold text-muted-foreground">{group.title}</h2>
            <div className="grid gap-3 md:grid-cols-2 xl:grid-cols-3">
              {group.charts.map((chart) => (
                <ChartCard
                  key={chart.id}
                  chart={chart}
                  points={series}
                  marks={marks.get(chart.id)}
                  lastStep={config.rl.steps}
                  waiting={query.isPending ? "Loading" : explainEmptyChart(chart, run, config)}
                />
              ))}
            </div>
          </section>
        ))}
      </HoverProvider>
    </>
  );
}

/** The terms of the reward with their weights. */
const formatRewardTerms = (weights: TrainConfig["reward"]["weights"]): string =>
  Object.entries(weights)
    .filter(([, weight]) => weight !== 0)
    .map(([term, weight]) => (weight === 1 ? term : `${weight} ${term}`))
    .join(" + ");

function Summary({ run, config, series }: { run: RunDetail; config: TrainConfig; series: Series }) {
  const reward = useLatest(series, "reward/mean");
  const accuracy = useLatest(series, "held-out/accuracy");
  const rag = useLatest(series, "held-out/rag_accuracy");
  const first = series["held-out/accuracy"]?.[0] ?? null;
  const gbr = useLatest(series, "held-out/gbr");
  const selected = useLatest(series, "held-out/gold_selected");
  const retrieved = useLatest(series, "held-out/gold_retrieved");
  const step = series["timing_s/step"]?.at(-1)?.step ?? 0;
  const stepSeconds = useLatest(series, "timing_s/step");
  const left = TERMINAL_STATES.has(run.state)
    ? null
    : estimateRemainingSeconds(series["timing_s/step"] ?? [], config.rl.steps);
  return (
    <StatStrip>
      <Stat label="Reward, training" value={formatNumber(reward)}>
        {formatRewardTerms(config.reward.weights)}
      </Stat>
      <Stat label="Held-out accuracy" value={formatShare(accuracy)}>
        {first && accuracy !== null && first.step !== series["held-out/accuracy"]?.at(-1)?.step
          ? `${formatSigned((accuracy - first.value) * 100)} points since step ${first.step}`
          : null}
      </Stat>
      <Stat label="Naive RAG, held-out" value={formatShare(rag)}>
        same questions, same generator
      </Stat>
      <Stat label="Gain Beyond RAG" value={gbr === null ? "–" : formatSigned(gbr)}>
        {gbr === null
          ? null
          : gbr > 0
            ? "s3 answers more"
            : gbr < 0
              ? "naive RAG answers more"
              : "as many"}
      </Stat>
      <Stat label="Gold documents selected" value={formatShare(selected)}>
        {retrieved === null ? null : `${formatShare(retrieved)} retrieved, held-out`}
      </Stat>
      <Stat label={`Step ${step} of ${config.rl.steps}`} value={formatSeconds(stepSeconds)}>
        {left === null ? "per step" : `about ${formatSeconds(left)} left`}
      </Stat>
    </StatStrip>
  );
}
