"use client";
import { formatAgo, formatDateTime, NONE } from "@/app/_lib/format";
import type { RunRow } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { RowTable, type ColumnSort, type RowColumn } from "@/app/_ui/row-table";
import { StateCounts } from "@/app/_ui/state-counts";
import { RunDuration, RunHeadline, RunMenu, RunName, RunProgress, RunStates } from "./run-parts";

const SORTS = ["newest", "oldest", "name", "reward", "duration"] as const;
export type RunSort = (typeof SORTS)[number];
/** Whether a text of the address names an order. */
export const isRunSort = (value: string | null): value is RunSort => SORTS.some((s) => s === value);

function Created({ at }: { at: Date }) {
  const now = useNow();
  return (
    <time dateTime={at.toISOString()} title={formatDateTime(at)} suppressHydrationWarning>
      {formatAgo(at, now)}
    </time>
  );
}

/** Columns of the table. The row of a folded sweep shows the states of its runs and no value of a single run. */
const buildColumns = (folded: boolean): RowColumn<RunRow>[] => {
  const isSweep = (run: RunRow): boolean => folded && run.sweep !== null;
  return [
    {
      id: "name",
      header: "Name",
      width: "w-auto",
      cell: (run) => (
        <div className="min-w-0">
          <RunName run={run} folded={folded} />
        </div>
      ),
    },
    {
      id: "state",
      header: "State",
      width: "w-26",
      cell: (run) => (isSweep(run) ? null : <RunStates run={run} folded={false} />),
    },
    {
      id: "progress",
      header: "Progress",
      width: "w-40",
      cell: (run) =>
        isSweep(run) ? <StateCounts counts={run.sweep?.counts ?? {}} /> : <RunProgress run={run} />,
    },
    {
      id: "result",
      header: "Latest result",
      width: "w-44",
      cell: (run) => (isSweep(run) ? null : <RunHeadline run={run} />),
    },
    {
      id: "duration",
      header: "Duration",
      width: "w-24",
      cell: (run) => (isSweep(run) ? null : <RunDuration run={run} />),
    },
    {
      id: "worker",
      header: "Worker",
      width: "w-32",
      cell: (run) => (
        <span className="block truncate text-muted-foreground">
          {isSweep(run) ? null : (run.worker?.name ?? NONE)}
        </span>
      ),
    },
    {
      id: "created",
      header: "Created",
      width: "w-24",
      cell: (run) => <Created at={run.createdAt} />,
    },
    {
      id: "actions",
      header: <span className="sr-only">Actions</span>,
      width: "w-11",
      cell: (run) => (isSweep(run) ? null : <RunMenu run={run} />),
    },
  ];
};
const COLUMNS = { plain: buildColumns(false), folded: buildColumns(true) };

/** Columns that the server can sort by: the order after the first click, and after the second. */
const COLUMN_SORTS: Record<string, readonly [RunSort, RunSort]> = {
  name: ["name", "name"],
  result: ["reward", "reward"],
  duration: ["duration", "duration"],
  created: ["newest", "oldest"],
};

interface RunsTableProps {
  rows: RunRow[];
  folded: boolean;
  sort: RunSort;
  onSort: (sort: RunSort) => void;
}

/** A page of runs. The server filters and sorts over all runs. */
export function RunsTable({ rows, folded, sort, onSort }: RunsTableProps) {
  const getColumnSort = (id: string): ColumnSort | null => {
    const sorts = COLUMN_SORTS[id];
    if (!sorts) return null;
    const direction = !sorts.includes(sort)
      ? null
      : sort === "oldest" || sort === "name"
        ? "ascending"
        : "descending";
    return { direction, onSort: () => onSort(sort === sorts[0] ? sorts[1] : sorts[0]) };
  };
  return (
    <RowTable
      columns={folded ? COLUMNS.folded : COLUMNS.plain}
      rows={rows}
      getKey={(run) => run.id}
      rowProps={(run) => ({ "data-run": run.id })}
      getSort={getColumnSort}
      minWidth="min-w-[900px]"
      rowHeight="h-14"
    />
  );
}
