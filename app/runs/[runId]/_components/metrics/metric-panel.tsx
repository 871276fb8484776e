"use client";
import {
  ChevronLeft,
  ChevronRight,
  Pencil,
  Pin,
  PinOff,
  Trash2,
  type LucideIcon,
} from "lucide-react";
import { useMemo, useRef } from "react";
import { ChartCard } from "@/app/_charts/chart-card";
import { buildPanelChart, type Panel } from "@/app/_charts/prepare/panels";
import { useDetail } from "@/app/_charts/use-detail";
import { useInSight } from "@/app/_charts/drawing/use-in-sight";
import { useText } from "@/app/_i18n/text-provider";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { useSeries, type Series } from "@/app/_lib/live/use-series";
import { Button } from "@/app/_ui/button";
import { TERMINAL_STATES } from "@/core/run/transitions";

const NO_SERIES: Series = {};
const NO_NAMES: readonly string[] = [];

interface MetricPanelProps {
  run: RunDetail;
  panel: Panel;
  /** The steps that are zoomed to; null: all. */
  steps: { from: number; to: number } | null;
  isPinned?: boolean;
  onPin?: () => void;
  onEdit?: () => void;
  onMove?: (by: -1 | 1) => void;
  onRemove?: () => void;
}

/** A panel with its metrics, which are read when it comes in sight. */
export function MetricPanel({ run, panel, steps, ...actions }: MetricPanelProps) {
  const t = useText();
  const place = useRef<HTMLDivElement>(null);
  const isInSight = useInSight(place);
  const chart = useMemo(() => buildPanelChart(panel), [panel]);
  const query = useSeries(run.id, isInSight ? panel.metrics : NO_NAMES);
  const series = query.data ?? NO_SERIES;
  const detail = useDetail(run.id, series, isInSight ? steps : null);
  const title = chart.title;
  return (
    <div ref={place} className="grid min-w-0">
      <ChartCard
        chart={chart}
        points={series}
        detail={detail}
        waiting={
          query.isError
            ? t("The metric could not be read.")
            : query.isPending
              ? t("Loading")
              : TERMINAL_STATES.has(run.state)
                ? t("No point was reported.")
                : t("No point yet.")
        }
        actions={<PanelActions title={title} {...actions} />}
      />
    </div>
  );
}

type PanelActionsProps = Omit<MetricPanelProps, "run" | "panel" | "steps"> & { title: string };

function PanelActions({ title, isPinned, onPin, onEdit, onMove, onRemove }: PanelActionsProps) {
  const t = useText();
  return (
    <span className="flex self-center print:hidden">
      {onMove ? (
        <>
          <Action
            label={t("Move {title} forward", { title })}
            icon={ChevronLeft}
            onClick={() => onMove(-1)}
          />
          <Action
            label={t("Move {title} back", { title })}
            icon={ChevronRight}
            onClick={() => onMove(1)}
          />
        </>
      ) : null}
      {onEdit ? (
        <Action label={t("Change {title}", { title })} icon={Pencil} onClick={onEdit} />
      ) : null}
      {onRemove ? (
        <Action label={t("Remove {title}", { title })} icon={Trash2} onClick={onRemove} />
      ) : null}
      {onPin ? (
        <Action
          label={isPinned ? t("Unpin {title}", { title }) : t("Pin {title}", { title })}
          icon={isPinned ? PinOff : Pin}
          onClick={onPin}
        />
      ) : null}
    </span>
  );
}

type ActionProps = { label: string; icon: LucideIcon; onClick: () => void };

const Action = ({ label, icon: Icon, onClick }: ActionProps) => (
  <Button
    variant="ghost"
    size="icon-sm"
    className="-my-1"
    aria-label={label}
    title={label}
    onClick={onClick}
  >
    <Icon />
  </Button>
);
