"use client";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ChartCard } from "@/app/_charts/chart-card";
import { ChartScopeProvider } from "@/app/_charts/drawing/chart-scope";
import { listMetrics } from "@/app/_charts/prepare/chart-definition";
import { PREDICT_CHARTS } from "@/app/_charts/definitions/predict-charts";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatShare, formatSigned } from "@/app/_lib/format/format";
import { isAwaited } from "@/app/_lib/live/is-awaited";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { PartLoading } from "./part-loading";
import { BreakdownCard } from "./breakdown-bar";
import { PredictQuestions } from "./predict-questions";
import { PredictionSpent } from "./prediction-spent";
import { PredictStatistics } from "./predict-statistics";
import { Stat, StatStrip } from "./stat";
import { useAccuracyReferences } from "./use-accuracy-references";
import { useBreakdown } from "./use-breakdown";
import { usePublishedLines } from "./use-published-lines";
import { useSeries, type Series } from "@/app/_lib/live/use-series";

const METRICS = listMetrics(PREDICT_CHARTS);
const NO_SERIES: Series = {};

/** A prediction's accuracy, its quadrants, where answers were lost, and its charts. */
export function PredictOverview({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const series = useSeries(run.id, METRICS);
  const breakdown = useBreakdown(run.id, "predict");
  const steps = useQuery(trpc.episodes.steps.queryOptions({ runId: run.id }));
  const part = steps.data?.find((s) => s.phase === "predict");
  const accuracy = part?.accuracy ?? null;
  const rag = part?.baselineAccuracy ?? null;
  const config = run.config.kind === "predict" ? run.config : null;
  const known = useAccuracyReferences(config, rag);
  const published = usePublishedLines({
    questionSet: config?.questions ?? "",
    scorer: config?.scorer,
  });
  const references = useMemo(
    () => [...known, ...published.references],
    [known, published.references],
  );
  const spent = useQuery(trpc.leaderboard.run.queryOptions({ runId: run.id }));
  if (run.config.kind !== "predict") return null;
  if (steps.isPending || isAwaited(spent)) return <PartLoading />;
  const compared = run.config.method === "s3" && rag !== null;
  const href = (p: { filter: string }) => `/runs/${run.id}?tab=episodes&filter=${p.filter}`;
  const ended = TERMINAL_STATES.has(run.state);
  return (
    <>
      <StatStrip>
        <Stat label={t("Accuracy")} value={formatShare(accuracy)}>
          {run.config.scorer}
        </Stat>
        {compared ? (
          <>
            <Stat label={t("Naive RAG")} value={formatShare(rag)} term="naive-rag">
              {t("same questions, same generator")}
            </Stat>
            <Stat
              label={t("Gain Beyond RAG")}
              value={accuracy === null ? "–" : formatSigned(accuracy - rag)}
              term="gain-beyond-rag"
            >
              {t("gained − lost")}
            </Stat>
          </>
        ) : null}
        <Stat label={t("Questions answered")} value={part ? formatInteger(part.episodes) : "–"}>
          {run.config.questions}
        </Stat>
      </StatStrip>
      <PredictionSpent runId={run.id} />
      <QueryErrorState className="mt-4" title={t("The results could not be read")} query={steps} />
      <div className="mt-4 grid gap-3 lg:grid-cols-2">
        {breakdown === null ? (
          <>
            <Skeleton className="h-52" />
            <Skeleton className="h-52" />
          </>
        ) : breakdown.total === 0 ? (
          <div className="lg:col-span-2">
            <EmptyState title={ended ? t("No question was answered") : t("No answer yet")}>
              {ended ? t("The logs say why.") : t("Episodes appear here as they are answered.")}
            </EmptyState>
          </div>
        ) : (
          <>
            {compared ? (
              <BreakdownCard
                title={t("Against naive RAG")}
                description={t("The four quadrants of Gain Beyond RAG.")}
                parts={breakdown.quadrants}
                total={breakdown.total}
                href={href}
              />
            ) : null}
            <PredictStatistics run={run} config={run.config} />
          </>
        )}
      </div>
      <PredictQuestions runId={run.id} />
      {/* A curve needs two points; a short run reports once, and the numbers above show that. */}
      {ended && METRICS.every((m) => (series.data?.[m]?.length ?? 0) < 2) ? null : (
        <ChartScopeProvider runId={run.id} xName="question">
          <div className="mt-3 flex flex-wrap gap-3">
            {PREDICT_CHARTS.flatMap((g) => g.charts).map((chart) => (
              <ChartCard
                key={chart.id}
                chart={chart}
                points={series.data ?? NO_SERIES}
                {...(chart.id === "predict-accuracy" && {
                  references,
                  actions: published.menu,
                })}
                waiting={
                  series.isPending
                    ? t("Loading")
                    : ended
                      ? t("No point was reported.")
                      : t("Comes with the first answers.")
                }
              />
            ))}
          </div>
        </ChartScopeProvider>
      )}
    </>
  );
}
