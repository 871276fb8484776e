"use client";
import { ArrowDown, ArrowUp } from "lucide-react";
import { cn } from "@/app/_lib/cn";
import type { SweepDetail } from "@/app/_lib/trpc";
import { Card } from "@/app/_ui/card";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { BAND_EXPLANATION, findBestRow } from "@/core/sweep/sweep-table";
import { GroupLine, RunLine } from "./sweep-rows";
import {
  formatSort,
  getGroupValue,
  getNextSort,
  getRunValue,
  listColumns,
  readSort,
  sortRows,
  type Sort,
} from "./table-rows";

interface Props {
  sweep: SweepDetail;
  sort: string | null;
  view: string | null;
  setParams: (changes: Record<string, string | null>) => void;
}

/** Settings by results: averaged over seeds, or run by run. Every run is one click away. */
export function SweepTable({ sweep, sort: sortParam, view, setParams }: Props) {
  const averaged = sweep.groups.some((group) => group.runs > 1);
  const byRun = !averaged || view === "runs";
  const sort = readSort(sortParam);
  const onSort = (column: string) => {
    const next = getNextSort(sort, column);
    setParams({ sort: next && formatSort(next) });
  };
  const best = findBestRow(sweep, 0);
  return (
    <Card className="mt-4 overflow-hidden" aria-label="Results">
      <header className="flex flex-wrap items-center justify-between gap-2 px-4 py-3">
        <p className="max-w-2xl min-w-0 text-xs text-muted-foreground">
          {byRun
            ? "Last value of each run, and the best with its step."
            : `${BAND_EXPLANATION} Only runs that have succeeded are averaged.`}
        </p>
        {averaged ? (
          <SegmentedControl
            label="Rows"
            value={byRun ? "runs" : "settings"}
            options={["settings", "runs"] as const}
            text={(one) => (one === "runs" ? "By run" : "By setting")}
            onChange={(one) => setParams({ view: one === "runs" ? "runs" : null })}
          />
        ) : null}
      </header>
      <ScrollRegion label="Settings by results" className="border-t">
        <table className="w-full text-left">
          <Head sweep={sweep} byRun={byRun} sort={sort} onSort={onSort} />
          <tbody>
            {byRun
              ? sortRows(sweep.members, sort, (run, column) =>
                  getRunValue(run, column, sweep.metrics),
                ).map((run) => (
                  <RunLine
                    key={run.id}
                    run={run}
                    sweep={sweep}
                    best={run.row === best && run.state === "succeeded"}
                  />
                ))
              : sortRows(sweep.groups, sort, (group, column) =>
                  getGroupValue(group, column, sweep.metrics),
                ).map((group) => (
                  <GroupLine
                    key={group.row}
                    group={group}
                    sweep={sweep}
                    best={group.row === best}
                  />
                ))}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  );
}

interface HeadProps {
  sweep: SweepDetail;
  byRun: boolean;
  sort: Sort | null;
  onSort: (column: string) => void;
}

function Head({ sweep, byRun, sort, onSort }: HeadProps) {
  const columns = listColumns(sweep, byRun);
  return (
    <thead className="border-b text-xs text-muted-foreground">
      <tr>
        <th scope="col" className="sticky left-0 z-10 h-9 bg-card px-3 font-medium">
          {byRun ? "Run" : "Runs"}
        </th>
        {columns.map(({ id, text, title, isNumber }) => {
          const active = sort?.column === id;
          return (
            <th
              key={id}
              scope="col"
              aria-sort={active ? (sort.descending ? "descending" : "ascending") : undefined}
              className={cn("h-9 px-3 font-medium whitespace-nowrap", isNumber && "text-right")}
            >
              <button
                type="button"
                title={title}
                className="inline-flex items-center gap-1 hover:text-foreground"
                onClick={() => onSort(id)}
              >
                {text}
                {active ? (
                  sort.descending ? (
                    <ArrowDown className="size-3" aria-hidden />
                  ) : (
                    <ArrowUp className="size-3" aria-hidden />
                  )
                ) : null}
              </button>
            </th>
          );
        })}
      </tr>
    </thead>
  );
}
