"use client";
import { TriangleAlert } from "lucide-react";
import { memo, useMemo } from "react";
import { cn } from "@/app/_lib/cn";
import type { ChartDefinition } from "./definitions";
import { HoverProvider } from "./hover";
import { LinePlot } from "./line-plot";
import { getChartAnchor, type ChartMark } from "./marks";
import { StepLabel, WaitingPlot } from "./plot-frame";
import type { Point } from "./prepare";
import { StackPlot } from "./stack-plot";

interface ChartCardProps {
  chart: ChartDefinition;
  points: Readonly<Record<string, readonly Point[]>>;
  lastStep?: number;
  /** Alarms that were raised for what it draws. */
  marks?: readonly ChartMark[];
  /** Why there is no point yet. */
  waiting: string;
}

/** One chart with its title and explanation. While there is no point, a box of the same size says why. */
export const ChartCard = memo(function ChartCard({
  chart,
  points,
  lastStep,
  marks,
  waiting,
}: ChartCardProps) {
  const series = useMemo(
    () =>
      chart.series.map((s) => ({
        ...s,
        key: s.metric,
        points: points[s.metric] ?? [],
      })),
    [chart, points],
  );
  const empty = series.every((s) => s.points.length === 0);
  const card = (
    <article
      id={getChartAnchor(chart.id)}
      className={cn(
        "flex min-w-0 scroll-mt-4 flex-col rounded-lg border bg-card px-3 pt-2.5 pb-1",
        chart.wide && "md:col-span-2",
      )}
      data-chart={chart.id}
      data-points={series.reduce((n, s) => n + s.points.length, 0)}
    >
      <div className="flex items-baseline justify-between gap-3">
        <h3 className="font-medium">{chart.title}</h3>
        {empty ? null : <StepLabel stepName={chart.ownAxis ?? "step"} />}
      </div>
      <p className="text-xs text-muted-foreground">{chart.explanation}</p>
      {marks?.map(({ name, title, from, to }) => (
        <p
          key={`${name} ${from}`}
          className="mt-1 flex items-center gap-1.5 text-2xs text-warn"
          data-mark={name}
        >
          <TriangleAlert className="size-3 shrink-0" aria-hidden />
          Alarm {to === null ? `since step ${from}` : `from step ${from} to ${to}`}: {title}
        </p>
      ))}
      <div className="mt-auto">
        {empty ? (
          <WaitingPlot>{waiting}</WaitingPlot>
        ) : chart.kind === "lines" ? (
          <LinePlot
            label={chart.title}
            series={series}
            scale={chart.scale}
            unit={chart.unit}
            lastStep={chart.ownAxis ? undefined : lastStep}
            marks={marks}
          />
        ) : (
          <StackPlot
            label={chart.title}
            series={series}
            missing={chart.missing}
            share={chart.share}
            unit={chart.unit}
            lastStep={lastStep}
          />
        )}
      </div>
    </article>
  );
  return chart.ownAxis ? <HoverProvider>{card}</HoverProvider> : card;
});
