"use client";
import { useMemo } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatMetricValue } from "@/app/_lib/format/format-metric";
import { formatAgo, formatDateTime, NONE } from "@/app/_lib/format/format";
import type { RunRow } from "@/app/_lib/live/trpc";
import { useGradually } from "@/app/_lib/hooks/use-gradually";
import { useNow } from "@/app/_lib/hooks/use-now";
import { describeValue } from "@/core/run/describe-value";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { RowTable, type ColumnSort, type RowColumn } from "@/app/_ui/row-table";
import { StateCounts } from "@/app/_ui/state-counts";
import type { RunSort } from "@/contracts/api/run-list";
import { readRunColumn } from "@/core/run/run-columns";
import { ColumnHelp } from "./column-help";
import { RunDuration } from "./run-duration";
import { RunHeadline, RunMenu, RunName, RunProgress, RunStates } from "./run-parts";
import { SelectionBox, SelectionBoxOfAll } from "./selection-box";
import type { Selection } from "./use-selection";

function Created({ at }: { at: Date }) {
  const t = useText();
  const now = useNow();
  return (
    <time dateTime={at.toISOString()} title={formatDateTime(t, at)} suppressHydrationWarning>
      {formatAgo(t, at, now)}
    </time>
  );
}

/** Columns of the table. The row of a folded sweep shows the states of its runs and no value of a single run. */
const buildColumns = (t: Text, folded: boolean): RowColumn<RunRow>[] => {
  const isSweep = (run: RunRow): boolean => folded && run.sweep !== null;
  return [
    {
      id: "name",
      header: t("Name"),
      width: "w-auto",
      cell: (run) => (
        <div className="min-w-0">
          <RunName run={run} folded={folded} />
        </div>
      ),
    },
    {
      id: "state",
      header: t("State"),
      width: "w-26",
      cell: (run) => (isSweep(run) ? null : <RunStates run={run} folded={false} />),
    },
    {
      id: "progress",
      header: t("Progress"),
      width: "w-40",
      cell: (run) =>
        isSweep(run) ? (
          <StateCounts counts={run.sweep?.counts ?? {}} kind={run.kind} />
        ) : (
          <RunProgress run={run} />
        ),
    },
    {
      id: "result",
      header: t("Latest result"),
      width: "w-44",
      cell: (run) => (isSweep(run) ? null : <RunHeadline run={run} />),
    },
    {
      id: "duration",
      header: t("Duration"),
      width: "w-24",
      cell: (run) => (isSweep(run) ? null : <RunDuration run={run} />),
    },
    {
      id: "worker",
      header: t("Worker"),
      width: "w-32",
      cell: (run) => (
        <span className="block truncate text-muted-foreground">
          {isSweep(run) ? null : (run.worker?.name ?? NONE)}
        </span>
      ),
    },
    {
      id: "created",
      header: t("Created"),
      width: "w-24",
      cell: (run) => <Created at={run.createdAt} />,
    },
    {
      id: "actions",
      header: <span className="sr-only">{t("Actions")}</span>,
      width: "w-11",
      cell: (run) => (isSweep(run) ? null : <RunMenu run={run} />),
    },
  ];
};

/** The value of a chosen column; a run without one has a dash. */
function formatColumnValue(
  t: Text,
  text: string,
  value: RunRow["values"][string] | undefined,
): string {
  if (value === undefined) return NONE;
  const column = readRunColumn(text);
  if (column.of !== "metric" || typeof value !== "number") return describeValue(t, value);
  return formatMetricValue(column.metric, value);
}

/** "reward/mean, best": what stands above a chosen column. */
function nameColumn(t: Text, text: string): string {
  const column = readRunColumn(text);
  if (column.of === "setting") return column.path;
  if (column.of === "parameter") return column.name;
  return column.value === "last" ? column.metric : t("{metric}, best", { metric: column.metric });
}

const buildChosenColumn = (t: Text, text: string, folded: boolean): RowColumn<RunRow> => ({
  id: text,
  header: (
    <span className="block max-w-36 min-w-0 truncate font-mono" title={nameColumn(t, text)}>
      {nameColumn(t, text)}
    </span>
  ),
  help: <ColumnHelp column={text} name={nameColumn(t, text)} className={HEAD_HELP} />,
  width: "w-40",
  cell: (run) => (
    <span className="block truncate font-mono" data-column={text}>
      {folded && run.sweep ? null : formatColumnValue(t, text, run.values[text])}
    </span>
  ),
});

/** Columns that the server can sort by: the order after the first click, and after the second. */
const COLUMN_SORTS: Record<string, readonly [RunSort, RunSort]> = {
  name: ["name", "name"],
  result: ["reward", "reward"],
  duration: ["duration", "duration"],
  created: ["newest", "oldest"],
};

/** Widths by how many columns were chosen; more scroll sideways. */
const MIN_WIDTHS = [
  "min-w-[940px]",
  "min-w-[1100px]",
  "min-w-[1260px]",
  "min-w-[1420px]",
  "min-w-[1580px]",
  "min-w-[1740px]",
  "min-w-[2200px]",
  "min-w-[3200px]",
  "min-w-[4200px]",
] as const;
const chooseMinWidth = (columns: number): string =>
  MIN_WIDTHS[columns <= 5 ? columns : Math.min(8, 5 + Math.ceil((columns - 5) / 5))]!;

/** Rows that are drawn before all others: about a window of them. */
const FIRST_ROWS = 15;

interface RunsTableProps {
  rows: RunRow[];
  folded: boolean;
  columns: readonly string[];
  selection: Selection;
  sort: RunSort;
  onSort: (sort: RunSort) => void;
}

/** A page of runs. The server filters and sorts over all runs. */
export function RunsTable({ rows, folded, columns, selection, sort, onSort }: RunsTableProps) {
  const t = useText();
  const drawn = useGradually(rows, FIRST_ROWS);
  const getColumnSort = (id: string): ColumnSort | null => {
    if (columns.includes(id)) {
      const isCurrent = typeof sort !== "string" && sort.column === id;
      return {
        direction: isCurrent ? (sort.descending ? "descending" : "ascending") : null,
        onSort: () => onSort({ column: id, descending: !isCurrent || !sort.descending }),
      };
    }
    const sorts = COLUMN_SORTS[id];
    if (!sorts) return null;
    const direction = !sorts.includes(sort)
      ? null
      : sort === "oldest" || sort === "name"
        ? "ascending"
        : "descending";
    return { direction, onSort: () => onSort(sort === sorts[0] ? sorts[1] : sorts[0]) };
  };
  const fixed = useMemo(() => buildColumns(t, folded), [t, folded]);
  const selectionColumn: RowColumn<RunRow> = {
    id: "selection",
    header: <SelectionBoxOfAll rows={rows} selection={selection} />,
    width: "w-9",
    cell: (run) => <SelectionBox run={run} selection={selection} />,
  };
  return (
    <RowTable
      columns={[
        selectionColumn,
        ...fixed.slice(0, 4),
        ...columns.map((text) => buildChosenColumn(t, text, folded)),
        ...fixed.slice(4),
      ]}
      rows={drawn}
      getKey={(run) => run.id}
      rowProps={(run) => ({ "data-run": run.id })}
      getSort={getColumnSort}
      minWidth={chooseMinWidth(columns.length)}
      rowHeight="h-14"
    />
  );
}
