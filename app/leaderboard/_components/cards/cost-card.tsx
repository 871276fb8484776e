import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatNumber, formatShare } from "@/app/_lib/format/format";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { formatInterval } from "@/app/_statistics/paired-tests";
import { Card, CardHeader } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { ColumnSelect, useColumn } from "@/app/leaderboard/_components/table/column-select";
import { computeAxisTicks, computeCostPoints, type CostPoint } from "./cost-points";
import {
  computeMeanCost,
  COSTS,
  isCostKey,
  type CostKey,
} from "@/app/leaderboard/_components/table/leaderboard-text";

const HEIGHT = 260;
/** Labels of points beyond this share of the width, in percent, stand to their left. */
const LABEL_TO_LEFT = 65;
const MARGIN = { left: 40, right: 14, top: 10, bottom: 34 };

type CostCardProps = { board: Leaderboard; axis: string | null; setAxis: (axis: CostKey) => void };

/** Accuracy against cost, with the Pareto front. */
export function CostCard({ board, axis, setAxis }: CostCardProps) {
  const t = useText();
  const [column, setColumn] = useColumn(board, "cost-of");
  const available = (Object.keys(COSTS) as CostKey[]).filter((k) =>
    board.rows.some((row) => computeMeanCost(row, k) !== null),
  );
  const key: CostKey = isCostKey(axis) && available.includes(axis) ? axis : "searches";
  const points = computeCostPoints(board, column, key);
  return (
    <Card className="pb-3" data-cost-points={points.length}>
      <CardHeader title={t("Accuracy against cost")} description={t(SHOWN_TEXTS["pareto-front"])} />
      <div className="mt-2 flex flex-wrap gap-2 px-4">
        <Select
          aria-label={t("Cost")}
          className="w-auto"
          value={key}
          onChange={(e) => isCostKey(e.target.value) && setAxis(e.target.value)}
          options={available.map((k) => ({ value: k, text: t(COSTS[k].label) }))}
        />
        {board.columns.length > 1 ? (
          <ColumnSelect board={board} column={column} setColumn={setColumn} />
        ) : null}
      </div>
      {points.length === 0 ? (
        <p className="px-4 py-8 text-center text-xs text-muted-foreground">
          {t("No complete result has this figure yet.")}
        </p>
      ) : (
        <Plot points={points} name={t(COSTS[key].label)} />
      )}
    </Card>
  );
}

function Plot({ points, name }: { points: CostPoint[]; name: string }) {
  const t = useText();
  const xs = computeAxisTicks(Math.max(...points.map((p) => p.cost)));
  const ys = computeAxisTicks(Math.min(1, Math.max(...points.map((p) => p.high))));
  const [maxX, maxY] = [xs[xs.length - 1]!, ys[ys.length - 1]!];
  const x = (cost: number) => (cost / maxX) * 100;
  const y = (accuracy: number) => 100 - (accuracy / maxY) * 100;
  const front = points.filter((p) => p.onFront);
  const summary = points
    .map((p) =>
      t(
        p.onFront
          ? "{method}: {cost} {unit}, {accuracy}, on the front"
          : "{method}: {cost} {unit}, {accuracy}",
        {
          method: p.label,
          cost: formatNumber(p.cost),
          unit: name.toLowerCase(),
          accuracy: formatShare(p.accuracy),
        },
      ),
    )
    .join("; ");
  return (
    <div
      className="relative mx-3 mt-2"
      style={{ height: HEIGHT }}
      role="img"
      aria-label={t("Accuracy against {cost}. {points}", {
        cost: name.toLowerCase(),
        points: summary,
      })}
    >
      <div
        className="absolute"
        style={{ inset: `${MARGIN.top}px ${MARGIN.right}px ${MARGIN.bottom}px ${MARGIN.left}px` }}
      >
        {ys.map((tick) => (
          <div
            key={tick}
            className="absolute inset-x-0 border-t border-grid"
            style={{ top: `${y(tick)}%` }}
          >
            <span className="absolute -top-2 right-full mr-1.5 text-[10px] leading-4 text-muted-foreground">{`${Number((tick * 100).toFixed(1))}%`}</span>
          </div>
        ))}
        {xs.map((tick) => (
          <span
            key={tick}
            className="absolute top-full mt-1 -translate-x-1/2 text-[10px] text-muted-foreground"
            style={{ left: `${x(tick)}%` }}
          >
            {formatNumber(tick)}
          </span>
        ))}
        <span className="absolute top-full right-0 mt-4 text-[10px] text-muted-foreground">
          {t("{name} per question", { name })}
        </span>
        <svg
          className="absolute inset-0 size-full overflow-visible"
          viewBox="0 0 100 100"
          preserveAspectRatio="none"
          aria-hidden
        >
          {front.length > 1 ? (
            <polyline
              points={front.map((p) => `${x(p.cost)},${y(p.accuracy)}`).join(" ")}
              fill="none"
              stroke="var(--series-1)"
              strokeWidth="1.5"
              strokeDasharray="4 3"
              vectorEffect="non-scaling-stroke"
            />
          ) : null}
          {points.map((p) => (
            <line
              key={p.id}
              x1={x(p.cost)}
              x2={x(p.cost)}
              y1={y(p.low)}
              y2={y(Math.min(maxY, p.high))}
              stroke={p.onFront ? "var(--series-1)" : "var(--series-7)"}
              strokeWidth="1.5"
              strokeOpacity="0.55"
              vectorEffect="non-scaling-stroke"
            />
          ))}
        </svg>
        {points.map((p) => (
          <PlotPoint key={p.id} point={p} name={name} left={x(p.cost)} top={y(p.accuracy)} />
        ))}
      </div>
    </div>
  );
}

interface PlotPointProps {
  point: CostPoint;
  /** Of the cost. */
  name: string;
  /** In percent of the plot. */
  left: number;
  top: number;
}

function PlotPoint({ point, name, left, top }: PlotPointProps) {
  const t = useText();
  return (
    <div
      className="absolute"
      style={{ left: `${left}%`, top: `${top}%` }}
      title={t("{method}: {accuracy} ({interval}), {cost} {unit}", {
        method: point.label,
        accuracy: formatShare(point.accuracy),
        interval: formatInterval(point.low, point.high),
        cost: formatNumber(point.cost),
        unit: name.toLowerCase(),
      })}
    >
      <span
        className={cn(
          "absolute size-2.5 -translate-1/2 rounded-full border-2 border-card",
          point.onFront ? "bg-(--series-1)" : "bg-(--series-7)",
        )}
      />
      <span
        className={cn(
          "absolute -translate-y-1/2 text-2xs whitespace-nowrap",
          left > LABEL_TO_LEFT ? "right-2.5" : "left-2.5",
          point.onFront ? "font-medium" : "text-muted-foreground",
        )}
      >
        {point.label}
      </span>
    </div>
  );
}
