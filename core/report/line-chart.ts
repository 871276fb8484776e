import type { MetricColumns } from "@/contracts/api/metrics";
import { findMaximum, findMinimum } from "@/core/statistics/summary";
import type { Translate } from "@/core/texts/format-text";
import { buildElement, type ReportElement } from "./report-node";

/** A line of a chart. */
export interface ReportLine {
  label: string;
  points: Pick<MetricColumns, "steps" | "values">;
}

const WIDTH = 320;
const HEIGHT = 150;
const EDGE = { left: 44, right: 8, top: 8, bottom: 20 };

/** Draws lines over steps as SVG; lines are told apart by dashes, too. Null where there is no point. */
export function drawLineChart(
  t: Translate,
  title: string,
  lines: readonly ReportLine[],
): ReportElement | null {
  const drawn = lines.filter(({ points }) => points.values.length > 0);
  const values = drawn.flatMap(({ points }) => points.values);
  const steps = drawn.flatMap(({ points }) => points.steps);
  if (values.length === 0) return null;
  const [bottom, top] = padRange(findRange(values));
  const [first, last] = findRange(steps);
  const x = (step: number) =>
    EDGE.left + ((step - first) / (last - first || 1)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (value: number) =>
    EDGE.top + ((top - value) / (top - bottom)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const label = (text: number, at: { x: number; y: number; "text-anchor": string }) =>
    buildElement("text", { ...at, class: "tick" }, formatTick(text));
  const baseline = HEIGHT - EDGE.bottom;
  return buildElement(
    "figure",
    { class: "chart" },
    buildElement("figcaption", {}, title),
    buildElement(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        role: "img",
        "aria-label": `${title}: ${drawn.map((line) => describeLine(t, line)).join("; ")}`,
      },
      [bottom, (bottom + top) / 2, top].flatMap((value) => [
        buildElement("line", {
          class: "grid",
          x1: EDGE.left,
          x2: WIDTH - EDGE.right,
          y1: y(value),
          y2: y(value),
        }),
        label(value, { x: EDGE.left - 4, y: y(value) + 3, "text-anchor": "end" }),
      ]),
      label(first, { x: EDGE.left, y: baseline + 14, "text-anchor": "start" }),
      label(last, { x: WIDTH - EDGE.right, y: baseline + 14, "text-anchor": "end" }),
      drawn.flatMap(({ points }, i) => [
        buildElement("path", { class: `line line-${i}`, d: buildPath(points, x, y) }),
        ...(points.values.length === 1
          ? [
              buildElement("circle", {
                class: `dot line-${i}`,
                cx: x(points.steps[0]!),
                cy: y(points.values[0]!),
                r: 2.5,
              }),
            ]
          : []),
      ]),
    ),
    drawn.length > 1
      ? buildElement(
          "p",
          { class: "legend" },
          drawn.map((line, i) => buildElement("span", { class: `key line-${i}` }, line.label)),
        )
      : null,
  );
}

const buildPath = (
  { steps, values }: ReportLine["points"],
  x: (step: number) => number,
  y: (value: number) => number,
): string =>
  values
    .map((value, i) => `${i === 0 ? "M" : "L"}${x(steps[i]!).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");

const describeLine = (t: Translate, { label, points }: ReportLine): string =>
  t("{label} from {first} at step {from} to {last} at step {to}", {
    label,
    first: formatTick(points.values[0]!),
    from: points.steps[0]!,
    last: formatTick(points.values.at(-1)!),
    to: points.steps.at(-1)!,
  });

const findRange = (values: readonly number[]): [number, number] => [
  findMinimum(values),
  findMaximum(values),
];

/** A flat line lies in the middle. */
const padRange = ([low, high]: [number, number]): [number, number] =>
  high > low ? [low, high] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];

const formatTick = (value: number): string => String(Number(value.toPrecision(3)));
