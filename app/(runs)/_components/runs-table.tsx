"use client";
import { createColumnHelper, tableFeatures, useTable } from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import Link from "next/link";
import { cn } from "@/app/_lib/cn";
import { formatAgo, formatDateTime, NONE, shortId } from "@/app/_lib/format";
import type { RunRow } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { RunStateBadge } from "@/app/_ui/run-state";
import { describeRun, RunAlarms, RunDuration, RunHeadline, RunMenu, RunProgress } from "./run-parts";

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
const columns = helper.columns([
  helper.display({
    id: "name",
    header: "Name",
    cell: ({ row }) => (
      <div className="min-w-0">
        <Link href={`/runs/${row.original.id}`} className="font-medium after:absolute after:inset-0">
          {row.original.name}
        </Link>
        <p className="truncate text-2xs text-muted-foreground">
          <span className="font-mono">{shortId(row.original.id)}</span> · {describeRun(row.original)}
        </p>
      </div>
    ),
  }),
  helper.display({
    id: "state",
    header: "State",
    cell: ({ row }) => (
      <div className="flex flex-col items-start gap-1">
        <RunStateBadge state={row.original.state} />
        <RunAlarms run={row.original} />
      </div>
    ),
  }),
  helper.display({ id: "progress", header: "Progress", cell: ({ row }) => <RunProgress run={row.original} /> }),
  helper.display({ id: "result", header: "Latest result", cell: ({ row }) => <RunHeadline run={row.original} /> }),
  helper.display({ id: "duration", header: "Duration", cell: ({ row }) => <RunDuration run={row.original} /> }),
  helper.display({ id: "worker", header: "Worker", cell: ({ row }) => <span className="block truncate text-muted-foreground">{row.original.worker?.name ?? NONE}</span> }),
  helper.display({ id: "created", header: "Created", cell: ({ row }) => <Created at={row.original.createdAt} /> }),
  helper.display({ id: "actions", header: () => <span className="sr-only">Actions</span>, cell: ({ row }) => <RunMenu run={row.original} /> }),
]);

const WIDTH: Record<string, string> = { name: "w-auto", state: "w-26", progress: "w-40", result: "w-44", duration: "w-24", worker: "w-32", created: "w-24", actions: "w-11" };

/** Columns that the server can sort by: what the first click asks for, and the second. */
const SORT_OF: Record<string, readonly [RunSort, RunSort]> = { name: ["name", "name"], result: ["reward", "reward"], duration: ["duration", "duration"], created: ["newest", "oldest"] };

export function RunsTable({ rows, sort, onSort }: { rows: RunRow[]; sort: RunSort; onSort: (sort: RunSort) => void }) {
  const table = useTable({ features, columns, data: rows, getRowId: (r) => r.id });
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
