import { escapeCsvField, escapeMarkdown } from "@/core/comparability/results-table";
import type { SweepDetail } from "@/contracts/api/sweeps";
import { getBetterDirection, isLowerBetter } from "@/core/metrics/metrics";
import { shortenPaths, formatSettingValue } from "./varied-settings";

/** A sweep's table as Markdown or CSV, and its best row. Pure. */

/** The content of the table, of what the server answers. */
export interface SweepTable extends Pick<SweepDetail, "name" | "paths" | "metrics" | "groups"> {
  members: Omit<SweepDetail["members"][number], "progress" | "error">[];
}

type Mean = NonNullable<SweepDetail["groups"][number]["results"][number]>["last"];

/** Explains the band of a curve or table. */
export const BAND_EXPLANATION =
  "Mean over seeds with the 95% t interval; without an interval where there is one run.";

/** The row with the best mean last value of a metric; null where neither direction is better, fewer than two rows have a value, or two share the best. */
export function findBestRow(
  { groups, metrics }: Pick<SweepTable, "groups" | "metrics">,
  metric: number,
): number | null {
  const better = getBetterDirection(metrics[metric] ?? "");
  if (better === null) return null;
  const sign = better === "lower" ? -1 : 1;
  const ranked = groups.flatMap((group) =>
    group.results[metric]
      ? [{ row: group.row, value: sign * group.results[metric].last.mean }]
      : [],
  );
  if (ranked.length < 2) return null;
  const best = ranked.reduce((found, one) => (one.value > found.value ? one : found));
  return ranked.filter((one) => one.value === best.value).length === 1 ? best.row : null;
}

/** Three significant digits, whichever the size. */
export const formatFigure = (value: number): string =>
  value === 0
    ? "0"
    : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6
      ? value.toExponential(2)
      : String(Number(value.toPrecision(3)));

/** A mean with its interval, where it has one. */
export const formatMean = ({ mean, low, high }: Mean): string =>
  low === null || high === null
    ? formatFigure(mean)
    : `${formatFigure(mean)} [${formatFigure(low)}, ${formatFigure(high)}]`;

/** A Markdown table with a row for each combination, means over the runs that have succeeded. */
export function formatSweepMarkdown(sweep: SweepTable): string {
  const formatLine = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const bests = sweep.metrics.map((_, metric) => findBestRow(sweep, metric));
  const better = sweep.metrics.map((metric) => (isLowerBetter(metric) ? "least" : "greatest"));
  return [
    escapeMarkdown(sweep.name),
    "",
    formatLine([
      ...shortenPaths(sweep.paths).map(escapeMarkdown),
      ...sweep.metrics.flatMap((metric, i) => [`${escapeMarkdown(metric)}, last`, better[i]!]),
      "runs",
      "seconds",
    ]),
    formatLine([
      ...sweep.paths.map(() => "---"),
      ...sweep.metrics.flatMap(() => ["---:", "---:"]),
      "---:",
      "---:",
    ]),
    ...sweep.groups.map((group) =>
      formatLine([
        ...sweep.paths.map((path) =>
          path in group.varied ? escapeMarkdown(formatSettingValue(group.varied[path]!)) : "",
        ),
        ...group.results.flatMap((result, i) => {
          if (!result) return ["", ""];
          const last = formatMean(result.last);
          return [bests[i] === group.row ? `**${last}**` : last, formatMean(result.best)];
        }),
        group.succeeded === group.runs ? String(group.runs) : `${group.succeeded} of ${group.runs}`,
        group.seconds === null ? "" : group.seconds.toFixed(0),
      ]),
    ),
    "",
    `${BAND_EXPLANATION} Bold: the best last value of a metric. Runs that have not succeeded are not averaged.`,
    "",
  ].join("\n");
}

/** CSV (RFC 4180 with CRLF), one line for each run. */
export function formatSweepCsv(sweep: SweepTable): string {
  const head = [
    "run",
    "name",
    "state",
    "combination",
    "seed",
    ...sweep.paths,
    ...sweep.metrics.flatMap((metric) => [
      `${metric} last`,
      `${metric} last step`,
      `${metric} best`,
      `${metric} best step`,
    ]),
    "seconds",
  ];
  const lines = sweep.members.map((run) => [
    run.id,
    run.name,
    run.state,
    String(run.row + 1),
    run.seed === null ? "" : String(run.seed),
    ...sweep.paths.map((path) => (path in run.varied ? formatSettingValue(run.varied[path]!) : "")),
    ...run.results.flatMap((result) =>
      result
        ? [
            String(result.last),
            String(result.lastStep),
            String(result.best),
            String(result.bestStep),
          ]
        : ["", "", "", ""],
    ),
    run.startedAt && run.endedAt
      ? ((run.endedAt.getTime() - run.startedAt.getTime()) / 1000).toFixed(1)
      : "",
  ]);
  return [head, ...lines].map((line) => `${line.map(escapeCsvField).join(",")}\r\n`).join("");
}
