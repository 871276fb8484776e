"use client";
import Link from "next/link";
import type { RunRow } from "@/app/_lib/trpc";
import { ImportedBadge } from "@/app/_ui/badge";
import { RunStateBadge } from "@/app/_ui/run-state";
import { describeRun, RunAlarms, RunDuration, RunHeadline, RunMenu, RunProgress } from "./run-parts";

/** The runs on a phone: the same facts as the table's row, stacked. */
export function RunCards({ rows }: { rows: RunRow[] }) {
  return (
    <ul className="space-y-2">
      {rows.map((run) => (
        <li key={run.id} className="relative rounded-lg border bg-card p-3" data-run={run.id}>
          <div className="flex items-start justify-between gap-2">
            <div className="min-w-0">
              <Link href={`/runs/${run.id}`} className="font-medium after:absolute after:inset-0">
                {run.name}
              </Link>
              <p className="truncate text-2xs text-muted-foreground">{describeRun(run)}</p>
            </div>
            <RunMenu run={run} />
          </div>
          <div className="mt-2 flex items-center justify-between gap-3">
            <span className="flex flex-wrap gap-1.5">
              <RunStateBadge state={run.state} />
              {run.importedFrom === null ? null : <ImportedBadge from={run.importedFrom} />}
              <RunAlarms run={run} />
            </span>
            <RunHeadline run={run} />
          </div>
          <div className="mt-2 flex items-end justify-between gap-4">
            <div className="min-w-0 flex-1">
              <RunProgress run={run} />
            </div>
            <span className="text-xs text-muted-foreground">
              <RunDuration run={run} />
            </span>
          </div>
        </li>
      ))}
    </ul>
  );
}
