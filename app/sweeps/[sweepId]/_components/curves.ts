import type { Text } from "@/app/_i18n/format-text";
import { PREDICT_CHARTS } from "@/app/_charts/definitions/predict-charts";
import type { Scale } from "@/app/_charts/prepare/axes";
import { SERVE_CHARTS } from "@/app/_charts/definitions/serve-charts";
import { TRAIN_CHARTS } from "@/app/_charts/definitions/train-charts";
import type { Unit } from "@/app/_charts/prepare/units";
import { isLowerBetter } from "@/core/metrics/metrics";
import { formatVariedSettings } from "@/core/sweep/varied-settings";
import type { SweepCurves, SweepDetail } from "@/app/_lib/live/trpc";

/** More curves than this cannot be told apart by eye. */
const MAX_CURVES = 7;

/** Scale and unit of a metric, as the charts of a run have them. */
export function findAppearance(metric: string): { scale: Scale; unit: Unit } {
  const chart = [...TRAIN_CHARTS, ...PREDICT_CHARTS, ...SERVE_CHARTS]
    .flatMap((group) => group.charts)
    .find((c) => c.kind === "lines" && c.series.some((s) => s.metric === metric));
  if (chart?.kind === "lines")
    return { scale: chart.scale === "positive" ? "free" : chart.scale, unit: chart.unit };
  return { scale: "free", unit: "number" };
}

/** The best curves by their last mean, at most MAX_CURVES, in the order of their rows. */
export function selectCurves(curves: SweepCurves, metric: string): SweepCurves {
  const sign = isLowerBetter(metric) ? -1 : 1;
  const value = (curve: SweepCurves[number]): number =>
    sign * (curve.points[curve.points.length - 1]?.mean ?? 0);
  return [...curves]
    .sort((a, b) => value(b) - value(a))
    .slice(0, MAX_CURVES)
    .sort((a, b) => a.row - b.row);
}

/** The values of a row's varied settings; "run 3" where no setting differs. */
export function formatRowLabel(t: Text, sweep: SweepDetail, row: number): string {
  const varying = listVaryingPaths(sweep);
  const text = formatVariedSettings(
    sweep.groups.find((group) => group.row === row)?.varied ?? {},
    varying,
  );
  return (
    text || (sweep.groups.length === 1 ? t("all runs") : t("run {number}", { number: row + 1 }))
  );
}

/** Settings with more than one value. */
const listVaryingPaths = (sweep: SweepDetail): string[] =>
  sweep.paths.filter(
    (path) => new Set(sweep.groups.map((group) => JSON.stringify(group.varied[path]))).size > 1,
  );
