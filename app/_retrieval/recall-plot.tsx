"use client";
import { useMemo } from "react";
import { ChartScopeProvider } from "@/app/_charts/drawing/chart-scope";
import { LinePlot } from "@/app/_charts/drawing/line-plot";
import { StepLabel } from "@/app/_charts/drawing/plot-frame";
import { useText } from "@/app/_i18n/text-provider";
import { formatRetriever } from "@/app/_lib/config/retriever";
import type { RetrieverComparison } from "@/app/_lib/live/trpc";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { TERM_TITLES } from "@/core/glossary/term-titles";
import { getRunColour } from "./metric-label";

const PLOTS = [
  { value: "recall", term: "recall" },
  { value: "fullSupport", term: "full-support" },
] as const;

/** Recall and full support over the depth k, one curve for each retriever. */
export function RecallPlots({ comparison }: { comparison: RetrieverComparison }) {
  const t = useText();
  return (
    <ChartScopeProvider xName="k">
      <div className="grid gap-3 lg:grid-cols-2">
        {PLOTS.map((plot) => (
          <article
            key={plot.value}
            className="min-w-0 rounded-lg border bg-card px-3 pt-2.5 pb-1"
            data-plot={plot.value}
          >
            <div className="flex items-baseline justify-between gap-3">
              <h3 className="font-medium">{t(TERM_TITLES[plot.term])}</h3>
              <StepLabel />
            </div>
            <p className="text-xs text-muted-foreground">{t(SHOWN_TEXTS[plot.term])}</p>
            <Plot comparison={comparison} value={plot.value} label={t(TERM_TITLES[plot.term])} />
          </article>
        ))}
      </div>
    </ChartScopeProvider>
  );
}

interface PlotProps {
  comparison: RetrieverComparison;
  value: "recall" | "fullSupport";
  label: string;
}

function Plot({ comparison, value, label }: PlotProps) {
  const t = useText();
  const series = useMemo(
    () =>
      comparison.runs.map((run, i) => ({
        key: run.id,
        label: formatRetriever(t, run.retriever),
        colour: getRunColour(i),
        dots: comparison.depth === 1,
        points: (comparison.curves[i] ?? []).map((point) => ({
          step: point.k,
          value: point[value],
        })),
      })),
    [comparison, value, t],
  );
  return (
    <LinePlot
      chartId={value}
      label={label}
      series={series}
      scale="share"
      unit="share"
      lastStep={comparison.depth}
    />
  );
}
