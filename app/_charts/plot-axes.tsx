import { CartesianGrid, XAxis, YAxis } from "recharts";
import { formatInteger } from "@/app/_lib/format";
import { PLOT, PLOT_HEIGHT } from "./plot-frame";
import { computeStepTicks, type ValueAxis } from "./axes";
import { formatTick, type Unit } from "./units";

/** What all plots pass to recharts' chart. */
export const PLOT_PROPS = {
  responsive: true,
  style: { width: "100%", height: PLOT_HEIGHT },
  margin: { top: PLOT.top, right: PLOT.right, bottom: 0, left: 0 },
  accessibilityLayer: false,
} as const;

const AXIS = {
  stroke: "var(--muted-foreground)",
  tickLine: false,
  axisLine: false,
  tick: { fontSize: 10, fill: "var(--muted-foreground)" },
} as const;

type PlotAxesProps = { domain: readonly [number, number]; axis: ValueAxis; unit: Unit };

/** The grid, the step axis and the value axis of a plot. */
export function PlotAxes({ domain: [from, to], axis, unit }: PlotAxesProps) {
  return (
    <>
      <CartesianGrid stroke="var(--grid)" vertical={false} />
      <XAxis
        dataKey="step"
        type="number"
        domain={[from, to]}
        ticks={computeStepTicks(from, to)}
        height={PLOT.bottom}
        tickFormatter={formatInteger}
        {...AXIS}
      />
      <YAxis
        domain={axis.domain}
        ticks={axis.ticks}
        width={PLOT.left}
        tickFormatter={(value: number) => formatTick(unit, value, axis.stride)}
        interval={0}
        {...AXIS}
      />
    </>
  );
}
