import type { SweepDetail } from "@/app/_lib/trpc";
import { isLowerBetter } from "@/core/metrics/metrics";
import { shortenPaths, formatSettingValue } from "@/core/sweep/expand-sweep";
import { type SettingValue } from "@/contracts/run-config/sweep";

/** How a sweep's table is sorted: by a column, up or down; the address holds it as "column" or "-column". */
export interface Sort {
  column: string;
  descending: boolean;
}

/** The sort that the address holds; null where it holds none. */
export const readSort = (text: string | null): Sort | null =>
  text ? { column: text.replace(/^-/, ""), descending: text.startsWith("-") } : null;
/** The sort as text for the address. */
export const formatSort = ({ column, descending }: Sort): string =>
  `${descending ? "-" : ""}${column}`;

/** The sort after a click on a column: descending, then ascending, then the sweep's own order. */
export function getNextSort(now: Sort | null, column: string): Sort | null {
  if (now?.column !== column) return { column, descending: true };
  return now.descending ? { column, descending: false } : null;
}

export interface SweepColumn {
  id: string;
  text: string;
  title: string;
  isNumber: boolean;
}

/** Columns of the table after the first: settings, seed (by run), last and best value of each metric, duration. */
export function listColumns(
  { paths, metrics }: Pick<SweepDetail, "paths" | "metrics">,
  byRun: boolean,
): SweepColumn[] {
  const short = shortenPaths(paths);
  return [
    ...paths.map((path, i) => ({ id: path, text: short[i]!, title: path, isNumber: false })),
    ...(byRun ? [{ id: "seed", text: "seed", title: "Seed", isNumber: true }] : []),
    ...metrics.flatMap((metric) => [
      { id: `last ${metric}`, text: metric, title: `${metric}, last value`, isNumber: true },
      {
        id: `best ${metric}`,
        text: isLowerBetter(metric) ? "least" : "greatest",
        title: `${metric}, best value`,
        isNumber: true,
      },
    ]),
    { id: "seconds", text: "duration", title: "Duration", isNumber: true },
  ];
}

type Value = SettingValue | undefined;

/** Sorts rows: numbers by size, texts by the alphabet, missing values always last. */
export function sortRows<T>(
  rows: readonly T[],
  sort: Sort | null,
  valueOf: (row: T, column: string) => Value,
): T[] {
  if (!sort) return [...rows];
  return rows
    .map((row) => ({ row, value: valueOf(row, sort.column) ?? null }))
    .sort((a, b) => {
      if (a.value === null || b.value === null)
        return a.value === b.value ? 0 : a.value === null ? 1 : -1;
      const order =
        typeof a.value === "number" && typeof b.value === "number"
          ? a.value - b.value
          : formatSettingValue(a.value).localeCompare(formatSettingValue(b.value));
      return sort.descending ? -order : order;
    })
    .map(({ row }) => row);
}

/** Value of a group's column: a setting by its path, "last metric", "best metric", "seconds". */
export function getGroupValue(
  group: SweepDetail["groups"][number],
  column: string,
  metrics: readonly string[],
): Value {
  const result = parseResultColumn(column, metrics);
  if (result) return group.results[result.metric]?.[result.which].mean;
  return column === "seconds" ? (group.seconds ?? undefined) : group.varied[column];
}

/** Value of a run's column: as of a group's, and "seed" and "state". */
export function getRunValue(
  run: SweepDetail["members"][number],
  column: string,
  metrics: readonly string[],
): Value {
  const result = parseResultColumn(column, metrics);
  if (result) return run.results[result.metric]?.[result.which];
  if (column === "seed") return run.seed ?? undefined;
  if (column === "state") return run.state;
  if (column === "seconds")
    return run.startedAt
      ? ((run.endedAt ?? new Date()).getTime() - run.startedAt.getTime()) / 1000
      : undefined;
  return run.varied[column];
}

function parseResultColumn(
  column: string,
  metrics: readonly string[],
): { which: "last" | "best"; metric: number } | null {
  const [, which, name] = /^(last|best) (.*)$/.exec(column) ?? [];
  const metric = metrics.indexOf(name ?? "");
  return metric >= 0 && (which === "last" || which === "best") ? { which, metric } : null;
}
