import type { Text } from "@/app/_i18n/format-text";
import type { SortValue } from "@/app/_lib/format/table-sort";
import type { SweepDetail } from "@/app/_lib/live/trpc";
import { isLowerBetter } from "@/core/metrics/metrics";
import { shortenPaths } from "@/core/sweep/varied-settings";

export interface SweepColumn {
  id: string;
  text: string;
  title: string;
  isNumber: boolean;
  /** The metric that it is the first column of. */
  metric?: string;
}

/** Columns of the table after the first: settings, seed (by run), last and best value of each metric, duration. */
export function listColumns(
  t: Text,
  { paths, metrics }: Pick<SweepDetail, "paths" | "metrics">,
  byRun: boolean,
): SweepColumn[] {
  const short = shortenPaths(paths);
  return [
    ...paths.map((path, i) => ({ id: path, text: short[i]!, title: path, isNumber: false })),
    ...(byRun ? [{ id: "seed", text: t("seed"), title: t("Seed"), isNumber: true }] : []),
    ...metrics.flatMap((metric) => [
      {
        id: `last ${metric}`,
        text: metric,
        title: t("{metric}, last value", { metric }),
        isNumber: true,
        metric,
      },
      {
        id: `best ${metric}`,
        text: isLowerBetter(metric) ? t("least") : t("greatest"),
        title: t("{metric}, best value", { metric }),
        isNumber: true,
      },
    ]),
    { id: "seconds", text: t("duration"), title: t("Duration"), isNumber: true },
  ];
}

/** Value of a group's column: a setting by its path, "last metric", "best metric", "seconds". */
export function getGroupValue(
  group: SweepDetail["groups"][number],
  column: string,
  metrics: readonly string[],
): SortValue {
  const result = parseResultColumn(column, metrics);
  if (result) return group.results[result.metric]?.[result.which].mean;
  return column === "seconds" ? (group.seconds ?? undefined) : group.varied[column];
}

/** Value of a run's column: as of a group's, and "seed" and "state". */
export function getRunValue(
  run: SweepDetail["members"][number],
  column: string,
  metrics: readonly string[],
): SortValue {
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
