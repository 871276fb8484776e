"use client";
import { useDeferredValue, useMemo } from "react";
import { ChartCard } from "@/app/_charts/chart-card";
import { ChartPage } from "@/app/_charts/chart-page";
import type { ChartDefinition } from "@/app/_charts/prepare/chart-definition";
import {
  hideUnreported,
  selectTrainCharts,
  splitEmptyCharts,
} from "@/app/_charts/definitions/train-charts";
import { findMarks } from "@/app/_charts/prepare/marks";
import { useDetail } from "@/app/_charts/use-detail";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatNumber, formatSeconds, formatShare, formatSigned } from "@/app/_lib/format/format";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { QueryErrorState } from "@/app/_ui/states";
import { listUsedTerms } from "@/core/run/reward-terms";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { MetricName } from "@/core/metrics/metric-table";
import { dropUnusedSettings, isMetricMeasured } from "@/core/run/trained-method";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { PartLoading } from "./part-loading";
import { AlarmList } from "@/app/runs/[runId]/_components/header/alarm-list";
import { useAlarms } from "@/app/runs/[runId]/_components/header/use-alarms";
import { isPreparing, Preparation } from "./preparation";
import { Spent } from "./spent";
import { Stat, StatStrip } from "./stat";
import { Unmeasured } from "./unmeasured";
import {
  EVALUATION_METRIC,
  HEADLINE_METRIC,
  REFERENCE_METRIC,
  TRAIN_METRICS,
} from "@/app/runs/[runId]/_components/metrics/train-metrics";
import { usePublishedLines } from "./use-published-lines";
import { useRunCharts } from "@/app/runs/[runId]/_components/metrics/use-run-charts";
import { useLatest, useSeries, type Series } from "@/app/_lib/live/use-series";

const NO_SERIES: Series = {};

/** Why a chart is still empty. */
function explainEmptyChart(
  t: Text,
  chart: ChartDefinition,
  run: RunDetail,
  config: TrainConfig,
): string {
  const heldOut = chart.series.every((s) => s.metric.startsWith("held-out/"));
  if (heldOut && config.evaluation.questions === 0)
    return t("This run asks no held-out questions.");
  if (chart.id === "kl" && config.rl.klCoefficient === 0)
    return t("Not measured: the KL coefficient is 0, so no reference policy is kept.");
  if (TERMINAL_STATES.has(run.state)) return t("No point was reported.");
  if (run.state === "queued") return t("Points arrive when a worker takes the run.");
  if (heldOut) return t("Comes with the first held-out evaluation.");
  if (chart.ownAxis) return t("Comes with the first batch of the cold start.");
  return t("Comes with the first step of reinforcement learning.");
}

/** A training run's numbers, alarms and charts. */
export function TrainOverview({ run }: { run: RunDetail }) {
  const t = useText();
  const query = useSeries(run.id, TRAIN_METRICS);
  // All charts at once are much to draw: React does it in parts, between which the page answers.
  const isReady = useDeferredValue(!query.isPending, false);
  const series = query.data ?? NO_SERIES;
  const config = run.config.kind === "train" ? run.config : null;
  const { groups, empty } = useTrainCharts(config, series, TERMINAL_STATES.has(run.state));
  const { alarms } = useAlarms(run.id);
  const { state, tracks, markers, steps } = useRunCharts(run, series);
  const detail = useDetail(run.id, series, steps);
  const published = usePublishedLines({
    questionSet: config?.data.heldOutQuestions ?? "",
    scorer: config?.reward.scorer,
  });
  const marks = useMemo(() => findMarks(groups, alarms), [groups, alarms]);
  if (!config) return null;
  if (!isReady) return <PartLoading />;
  const hasPoints = Object.values(series).some((points) => points.length > 0);
  if (query.data && isPreparing(run, hasPoints) && !alarms.length) return <Preparation run={run} />;
  return (
    <>
      <Summary config={config} series={series} />
      <Spent tracks={tracks} series={series} />
      <QueryErrorState className="mt-4" title={t("The metrics could not be read")} query={query} />
      <AlarmList run={run} />
      <ChartPage runId={run.id} state={state} tracks={tracks} markers={markers} hasAlarms>
        {groups.map((group) => (
          <section key={group.title} aria-label={t(group.title)} className="mt-5">
            <h2 className="mb-2 text-xs font-semibold text-muted-foreground">{t(group.title)}</h2>
            <div className="flex flex-wrap gap-3">
              {group.charts.map((chart) => (
                <ChartCard
                  key={chart.id}
                  chart={chart}
                  points={series}
                  detail={detail}
                  marks={marks.get(chart.id)}
                  lastStep={config.rl.steps}
                  {...(chart.id === "reward" && {
                    references: published.references,
                    actions: published.menu,
                  })}
                  waiting={explainEmptyChart(t, chart, run, config)}
                />
              ))}
            </div>
          </section>
        ))}
      </ChartPage>
      <Unmeasured charts={empty} explain={(chart) => explainEmptyChart(t, chart, run, config)} />
    </>
  );
}

/**
 * The charts of a run, without those of what its worker and endpoints do not report. Of a run that is over, those without
 * a point stand apart: nothing will come any more.
 */
function useTrainCharts(config: TrainConfig | null, series: Series, isOver: boolean) {
  // A text, so that the charts are the same ones until another metric is reported.
  const names = Object.keys(series)
    .filter((name) => series[name]!.length > 0)
    .join(" ");
  return useMemo(() => {
    const reported = new Set(names.split(" "));
    const groups = config ? hideUnreported(selectTrainCharts(config), reported) : [];
    return isOver && names ? splitEmptyCharts(groups, reported) : { groups, empty: [] };
  }, [config, names, isOver]);
}

/** The terms of the reward with their weights. */
const formatRewardTerms = (weights: TrainConfig["reward"]["weights"]): string =>
  listUsedTerms(weights)
    .map(([term, weight]) => (weight === 1 ? term : `${weight} ${term}`))
    .join(" + ");

interface SummaryProps {
  config: TrainConfig;
  series: Series;
}

function Summary({ config, series }: SummaryProps) {
  const t = useText();
  const reward = useLatest(series, HEADLINE_METRIC);
  const accuracy = useLatest(series, EVALUATION_METRIC);
  const rag = useLatest(series, REFERENCE_METRIC);
  const first = series[EVALUATION_METRIC]?.[0] ?? null;
  const gbr = useLatest(series, "held-out/gbr");
  const selected = useLatest(series, "held-out/gold_selected");
  const retrieved = useLatest(series, "held-out/gold_retrieved");
  const step = series["timing_s/step"]?.at(-1)?.step ?? 0;
  const stepSeconds = useLatest(series, "timing_s/step");
  const isMeasured = (metric: MetricName) => isMetricMeasured(metric, config);
  return (
    <StatStrip>
      {isMeasured(HEADLINE_METRIC) ? (
        <Stat label={t("Reward, training")} value={formatNumber(reward)} term="reward">
          {formatRewardTerms(dropUnusedSettings(config).reward.weights)}
        </Stat>
      ) : null}
      <Stat label={t("Held-out accuracy")} value={formatShare(accuracy)} term="reward-and-accuracy">
        {first && accuracy !== null && first.step !== series[EVALUATION_METRIC]?.at(-1)?.step
          ? t("{points} points since step {step}", {
              points: formatSigned((accuracy - first.value) * 100),
              step: first.step,
            })
          : null}
      </Stat>
      {isMeasured("held-out/gbr") ? (
        <>
          <Stat label={t("Naive RAG, held-out")} value={formatShare(rag)} term="naive-rag">
            {t("same questions, same generator")}
          </Stat>
          <Stat
            label={t("Gain Beyond RAG")}
            value={gbr === null ? "–" : formatSigned(gbr)}
            term="gain-beyond-rag"
          >
            {gbr === null
              ? null
              : gbr > 0
                ? t("s3 answers more")
                : gbr < 0
                  ? t("naive RAG answers more")
                  : t("as many")}
          </Stat>
          <Stat
            label={t("Gold documents selected")}
            value={formatShare(selected)}
            term="gold-found-and-kept"
          >
            {retrieved === null
              ? null
              : t("{share} retrieved, held-out", { share: formatShare(retrieved) })}
          </Stat>
        </>
      ) : isMeasured("held-out/gold_retrieved") ? (
        <Stat
          label={t("Gold documents retrieved")}
          value={formatShare(retrieved)}
          term="gold-found-and-kept"
        >
          {t("held-out")}
        </Stat>
      ) : null}
      {isMeasured("timing_s/step") ? (
        <Stat
          label={t("Step {done} of {total}", { done: step, total: config.rl.steps })}
          value={formatSeconds(stepSeconds)}
        >
          {t("per step")}
        </Stat>
      ) : null}
    </StatStrip>
  );
}
