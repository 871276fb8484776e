"use client";
import { TriangleAlert } from "lucide-react";
import { memo, useMemo, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { Help } from "@/app/_ui/help";
import type { ChartDefinition } from "./prepare/chart-definition";
import { ChartScopeProvider, useChartScope } from "./drawing/chart-scope";
import { LinePlot } from "./drawing/line-plot";
import { getChartAnchor, type AlarmMark } from "./prepare/marks";
import type { ReferenceValue } from "./drawing/plot-drawing";
import { StepLabel, WaitingPlot } from "./drawing/plot-frame";
import type { Point } from "./prepare/point";
import { StackPlot } from "./drawing/stack-plot";
import type { XName } from "./prepare/x-axis";

interface ChartCardProps {
  chart: ChartDefinition;
  points: Readonly<Record<string, readonly Point[]>>;
  lastStep?: number;
  /** Alarms that were raised for what it draws. */
  marks?: readonly AlarmMark[];
  /** A part of the points in full resolution. */
  detail?: Readonly<Record<string, readonly Point[]>>;
  references?: readonly ReferenceValue[];
  /** Why there is no point yet. */
  waiting: string;
  /** Buttons beside the title. */
  actions?: ReactNode;
}

/** One chart with its title and explanation. While there is no point, a box of the same size says why. */
export const ChartCard = memo(function ChartCard({
  chart,
  points,
  detail,
  lastStep,
  marks,
  references,
  waiting,
  actions,
}: ChartCardProps) {
  const t = useText();
  const title = chart.hasOwnTitle ? chart.title : t(chart.title);
  const series = useMemo(
    () =>
      chart.series.map((s) => ({
        ...s,
        label: t(s.label),
        key: s.metric,
        points: points[s.metric] ?? [],
        detail: detail?.[s.metric],
      })),
    [t, chart, points, detail],
  );
  const { runId } = useChartScope();
  const reported = useMemo(
    () =>
      runId === null
        ? undefined
        : { runIds: [runId], names: chart.series.map(({ metric }) => metric) },
    [runId, chart],
  );
  const empty = series.every((s) => s.points.length === 0);
  const card = (
    <article
      id={getChartAnchor(chart.id)}
      className={cn(
        "flex min-w-0 scroll-mt-16 flex-col rounded-lg border bg-card px-3 pt-2.5 pb-1",
        chart.wide ? "grow-2 basis-180" : "grow basis-88",
      )}
      data-chart={chart.id}
      data-points={series.reduce((n, s) => n + s.points.length, 0)}
    >
      <div className="flex items-baseline justify-between gap-3">
        <span className="flex min-w-0 items-center gap-0.5">
          <h3 className="min-w-0 font-medium break-words">{title}</h3>
          {chart.term ? <Help term={chart.term} /> : null}
        </span>
        <span className="flex shrink-0 items-baseline gap-1">
          {empty ? null : <StepLabel />}
          {actions}
        </span>
      </div>
      <p className="text-xs text-muted-foreground">{t(chart.explanation)}</p>
      {marks?.map(({ name, title: alarm, from, to }) => (
        <p
          key={`${name} ${from}`}
          className="mt-1 flex items-center gap-1.5 text-2xs text-warn"
          data-mark={name}
        >
          <TriangleAlert className="size-3 shrink-0" aria-hidden />
          {to === null
            ? t("Alarm since step {from}: {alarm}", { from, alarm: t(alarm) })
            : t("Alarm from step {from} to {to}: {alarm}", { from, to, alarm: t(alarm) })}
        </p>
      ))}
      {/* The plot takes what taller cards of the row leave it. */}
      <div className="flex grow flex-col">
        {empty ? (
          <WaitingPlot>{waiting}</WaitingPlot>
        ) : chart.kind === "lines" ? (
          <LinePlot
            chartId={chart.id}
            label={title}
            series={series}
            scale={chart.scale}
            unit={chart.unit}
            lastStep={chart.ownAxis ? undefined : lastStep}
            marks={marks}
            references={references}
            reported={reported}
          />
        ) : (
          <StackPlot
            chartId={chart.id}
            label={title}
            series={series}
            missing={chart.missing}
            share={chart.share}
            unit={chart.unit}
            lastStep={lastStep}
            marks={marks}
            reported={reported}
          />
        )}
      </div>
    </article>
  );
  return chart.ownAxis ? <OwnAxis xName={chart.ownAxis}>{card}</OwnAxis> : card;
}, isSameCard);

/** A chart shares zoom and hovered place with those around it that have the same axis. */
function OwnAxis({ xName, children }: { xName: XName; children: ReactNode }) {
  return useChartScope().xName === xName ? (
    children
  ) : (
    <ChartScopeProvider xName={xName}>{children}</ChartScopeProvider>
  );
}

type Points = ChartCardProps["points"];

/** A chart is drawn again only where its own points are others: the page holds those of all charts. */
function isSameCard(
  { points, detail, ...rest }: ChartCardProps,
  { points: nextPoints, detail: nextDetail, ...nextRest }: ChartCardProps,
): boolean {
  const keys = new Set([...Object.keys(rest), ...Object.keys(nextRest)]) as Set<keyof typeof rest>;
  if ([...keys].some((key) => rest[key] !== nextRest[key])) return false;
  const isSame = (a?: Points, b?: Points): boolean =>
    nextRest.chart.series.every(({ metric }) => a?.[metric] === b?.[metric]);
  return isSame(points, nextPoints) && isSame(detail, nextDetail);
}
