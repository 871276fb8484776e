"use client";
import Link from "next/link";
import { formatAgo, formatDateTime, NONE, shortId } from "@/app/_lib/format";
import type { RunRow } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { ImportedBadge } from "@/app/_ui/badge";
import { RowTable, type HeadSort, type RowColumn } from "@/app/_ui/row-table";
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

const columns: RowColumn<RunRow>[] = [
  {
    id: "name",
    header: "Name",
    width: "w-auto",
    cell: (run) => (
      <div className="min-w-0">
        <Link href={`/runs/${run.id}`} className="font-medium after:absolute after:inset-0">
          {run.name}
        </Link>
        {run.importedFrom === null ? null : (
          <span className="ml-1.5">
            <ImportedBadge from={run.importedFrom} />
          </span>
        )}
        <p className="truncate text-2xs text-muted-foreground">
          <span className="font-mono">{shortId(run.id)}</span> · {describeRun(run)}
        </p>
      </div>
    ),
  },
  { id: "state", header: "State", width: "w-26", cell: (run) => <RunStateCell run={run} /> },
  { id: "progress", header: "Progress", width: "w-40", cell: (run) => <RunProgress run={run} /> },
  { id: "result", header: "Latest result", width: "w-44", cell: (run) => <RunHeadline run={run} /> },
  { id: "duration", header: "Duration", width: "w-24", cell: (run) => <RunDuration run={run} /> },
  { id: "worker", header: "Worker", width: "w-32", cell: (run) => <span className="block truncate text-muted-foreground">{run.worker?.name ?? NONE}</span> },
  { id: "created", header: "Created", width: "w-24", cell: (run) => <Created at={run.createdAt} /> },
  { id: "actions", header: <span className="sr-only">Actions</span>, width: "w-11", cell: (run) => <RunMenu run={run} /> },
];

function RunStateCell({ run }: { run: RunRow }) {
  return (
    <div className="flex flex-col items-start gap-1">
      <RunStateBadge state={run.state} />
      <RunAlarms run={run} />
    </div>
  );
}

/** Columns that the server can sort by: what the first click asks for, and the second. */
const SORT_OF: Record<string, readonly [RunSort, RunSort]> = { name: ["name", "name"], result: ["reward", "reward"], duration: ["duration", "duration"], created: ["newest", "oldest"] };

/** The server filters and sorts over all runs; the table only lays them out. */
export function RunsTable({ rows, sort, onSort }: { rows: RunRow[]; sort: RunSort; onSort: (sort: RunSort) => void }) {
  const sortOf = (id: string): HeadSort | null => {
    const sorts = SORT_OF[id];
    if (!sorts) return null;
    const direction = !sorts.includes(sort) ? null : sort === "oldest" || sort === "name" ? "ascending" : "descending";
    return { direction, onSort: () => onSort(sort === sorts[0] ? sorts[1] : sorts[0]) };
  };
  return <RowTable columns={columns} rows={rows} keyOf={(run) => run.id} rowProps={(run) => ({ "data-run": run.id })} sortOf={sortOf} minWidth="min-w-[900px]" rowHeight="h-14" />;
}
