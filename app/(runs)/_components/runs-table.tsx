"use client";
import { createColumnHelper, tableFeatures, useTable } from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import { cn } from "@/app/_lib/cn";
import { formatAgo, formatDateTime, NONE } from "@/app/_lib/format";
import type { RunRow } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { RunStateBadge } from "@/app/_ui/run-state";
import { StateCounts } from "@/app/_ui/state-counts";
import { RunDuration, RunHeadline, RunMenu, RunName, RunProgress } from "./run-parts";

const SORTS = ["newest", "oldest", "name", "reward", "duration"] as const;
export type RunSort = (typeof SORTS)[number];
export const isSort = (value: string | null): value is RunSort => SORTS.some((s) => s === value);

function Created({ at }: { at: Date }) {
  const now = useNow();
  return (
    <time dateTime={at.toISOString()} title={formatDateTime(at)} suppressHydrationWarning>
      {formatAgo(at, now)}
    </time>
  );
}

/** The server filters and sorts over all runs; the table only lays out columns. */
const features = tableFeatures({});
const helper = createColumnHelper<typeof features, RunRow>();
/** A folded sweep has its runs' states, and nothing that is one run's. */
const columnsOf = (folded: boolean) => {
  const isSweep = (run: RunRow): boolean => folded && run.sweep !== null;
  return helper.columns([
    helper.display({
      id: "name",
      header: "Name",
      cell: ({ row }) => (
        <div className="min-w-0">
          <RunName run={row.original} folded={folded} />
        </div>
      ),
    }),
    helper.display({ id: "state", header: "State", cell: ({ row }) => (isSweep(row.original) ? null : <RunStateBadge state={row.original.state} />) }),
    helper.display({ id: "progress", header: "Progress", cell: ({ row }) => (isSweep(row.original) ? <StateCounts counts={row.original.sweep?.counts ?? {}} /> : <RunProgress run={row.original} />) }),
    helper.display({ id: "result", header: "Latest result", cell: ({ row }) => (isSweep(row.original) ? null : <RunHeadline run={row.original} />) }),
    helper.display({ id: "duration", header: "Duration", cell: ({ row }) => (isSweep(row.original) ? null : <RunDuration run={row.original} />) }),
    helper.display({ id: "worker", header: "Worker", cell: ({ row }) => <span className="block truncate text-muted-foreground">{isSweep(row.original) ? null : (row.original.worker?.name ?? NONE)}</span> }),
    helper.display({ id: "created", header: "Created", cell: ({ row }) => <Created at={row.original.createdAt} /> }),
    helper.display({ id: "actions", header: () => <span className="sr-only">Actions</span>, cell: ({ row }) => (isSweep(row.original) ? null : <RunMenu run={row.original} />) }),
  ]);
};
const COLUMNS = { plain: columnsOf(false), folded: columnsOf(true) };

const WIDTH: Record<string, string> = { name: "w-auto", state: "w-26", progress: "w-40", result: "w-44", duration: "w-24", worker: "w-32", created: "w-24", actions: "w-11" };

/** Columns that the server can sort by: what the first click asks for, and the second. */
const SORT_OF: Record<string, readonly [RunSort, RunSort]> = { name: ["name", "name"], result: ["reward", "reward"], duration: ["duration", "duration"], created: ["newest", "oldest"] };

export function RunsTable({ rows, folded, sort, onSort }: { rows: RunRow[]; folded: boolean; sort: RunSort; onSort: (sort: RunSort) => void }) {
  const table = useTable({ features, columns: folded ? COLUMNS.folded : COLUMNS.plain, data: rows, getRowId: (r) => r.id });
  return (
    <div className="relative overflow-x-auto rounded-lg border bg-card">
      <table className="w-full min-w-[900px] table-fixed text-left">
        <thead className="border-b text-xs text-muted-foreground">
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const sorts = SORT_OF[header.column.id];
                const active = sorts?.includes(sort) ?? false;
                const ascending = sort === "oldest" || sort === "name";
                return (
                  <th key={header.id} scope="col" aria-sort={active ? (ascending ? "ascending" : "descending") : undefined} className={cn("h-9 px-3 font-medium", WIDTH[header.column.id])}>
                    {sorts ? (
                      <button type="button" className="inline-flex items-center gap-1 hover:text-foreground" onClick={() => onSort(sort === sorts[0] ? sorts[1] : sorts[0])}>
                        <table.FlexRender header={header} />
                        {active ? ascending ? <ArrowUp className="size-3" aria-hidden /> : <ArrowDown className="size-3" aria-hidden /> : null}
                      </button>
                    ) : (
                      <table.FlexRender header={header} />
                    )}
                  </th>
                );
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} className="relative border-b last:border-0 hover:bg-muted/50" data-run={row.original.id}>
              {row.getAllCells().map((cell) => (
                <td key={cell.id} className="h-14 px-3">
                  <table.FlexRender cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
