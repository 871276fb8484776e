"use client";
import { ArrowDown, ArrowUp } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { cn } from "@/app/_lib/cn";
import { formatNumber, formatSeconds, NONE } from "@/app/_lib/format";
import { formatProgress, computeRunSeconds } from "@/app/_lib/run-view";
import type { SweepDetail } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { Badge } from "@/app/_ui/badge";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { Card } from "@/app/_ui/card";
import { RunStateBadge } from "@/app/_ui/run-state";
import { isLowerBetter } from "@/core/metrics/metrics";
import { shortPaths, valueText } from "@/core/sweep/expand-sweep";
import { BAND, bestRow } from "@/core/sweep/sweep-table";
import { getRowColour } from "./sweep-curves";
import {
  getGroupValue,
  getNextSort,
  readSort,
  getRunValue,
  sortRows,
  formatSort,
  type Sort,
} from "./table-rows";

type Group = SweepDetail["groups"][number];
type Member = SweepDetail["members"][number];

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
  const best = bestRow(sweep, 0);
  return (
    <Card className="mt-4 overflow-hidden" aria-label="Results">
      <header className="flex flex-wrap items-center justify-between gap-2 px-4 py-3">
        <p className="max-w-2xl min-w-0 text-xs text-muted-foreground">
          {byRun
            ? "Last value of each run, and the best with its step."
            : `${BAND} Only runs that have succeeded are averaged.`}
        </p>
        {averaged ? (
          <div role="group" aria-label="Rows" className="flex rounded-md border border-input p-0.5">
            {(["settings", "runs"] as const).map((one) => (
              <button
                key={one}
                type="button"
                aria-pressed={byRun === (one === "runs")}
                onClick={() => setParams({ view: one === "runs" ? "runs" : null })}
                className={cn(
                  "h-6.5 rounded px-2.5 text-xs font-medium text-muted-foreground hover:text-foreground",
                  byRun === (one === "runs") && "bg-muted text-foreground",
                )}
              >
                {one === "runs" ? "By run" : "By setting"}
              </button>
            ))}
          </div>
        ) : null}
      </header>
      <ScrollRegion label="Settings by results" className="border-t"
      >
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

function Head({
  sweep,
  byRun,
  sort,
  onSort,
}: {
  sweep: SweepDetail;
  byRun: boolean;
  sort: Sort | null;
  onSort: (column: string) => void;
}) {
  const short = shortPaths(sweep.paths);
  const columns: [id: string, text: string, title: string, right: boolean][] = [
    ...sweep.paths.map((path, i): [string, string, string, boolean] => [
      path,
      short[i]!,
      path,
      false,
    ]),
    ...(byRun ? [["seed", "seed", "Seed", true] as [string, string, string, boolean]] : []),
    ...sweep.metrics.flatMap((metric): [string, string, string, boolean][] => [
      [`last ${metric}`, metric, `${metric}, last value`, true],
      [
        `best ${metric}`,
        isLowerBetter(metric) ? "least" : "greatest",
        `${metric}, best value`,
        true,
      ],
    ]),
    ["seconds", "duration", "Duration", true],
  ];
  return (
    <thead className="border-b text-xs text-muted-foreground">
      <tr>
        <th scope="col" className="sticky left-0 z-10 h-9 bg-card px-3 font-medium">
          {byRun ? "Run" : "Runs"}
        </th>
        {columns.map(([id, text, title, right]) => {
          const active = sort?.column === id;
          return (
            <th
              key={id}
              scope="col"
              aria-sort={active ? (sort.descending ? "descending" : "ascending") : undefined}
              className={cn("h-9 px-3 font-medium whitespace-nowrap", right && "text-right")}
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

const Cell = ({ children, right = false }: { children: ReactNode; right?: boolean }) => (
  <td
    className={cn("px-3 py-2 align-top font-mono text-xs whitespace-nowrap", right && "text-right")}
  >
    {children}
  </td>
);
const CellNote = ({ children }: { children: ReactNode }) => (
  <span className="block text-2xs text-muted-foreground">{children}</span>
);

function SettingCells({ of, paths }: { of: Group["varied"]; paths: readonly string[] }) {
  return paths.map((path) => <Cell key={path}>{path in of ? valueText(of[path]!) : NONE}</Cell>);
}

function RowMark({ row }: { row: number }) {
  return (
    <span
      aria-hidden
      className="mt-1 size-2 shrink-0 rounded-full"
      style={{ background: getRowColour(row) }}
    />
  );
}

function GroupLine({ group, sweep, best }: { group: Group; sweep: SweepDetail; best: boolean }) {
  const runs = sweep.members.filter((run) => run.row === group.row);
  return (
    <tr className="border-b last:border-0" data-row={group.row} data-best={best || undefined}>
      <th scope="row" className="sticky left-0 z-10 bg-card px-3 py-2 align-top font-normal">
        <span className="flex gap-2">
          <RowMark row={group.row} />
          <span className="flex max-w-52 min-w-24 flex-wrap gap-1">
            {runs.map((run) => (
              <Link
                key={run.id}
                href={`/runs/${run.id}`}
                title={`${run.name}: ${run.state}`}
                className="hover:underline"
              >
                <RunStateBadge state={run.state} />{" "}
                <span className="text-2xs text-muted-foreground">{run.seed}</span>
              </Link>
            ))}
            {best ? <Badge tone="good">best</Badge> : null}
          </span>
        </span>
      </th>
      <SettingCells of={group.varied} paths={sweep.paths} />
      {group.results.flatMap((result, i) =>
        (["last", "best"] as const).map((which) => {
          const value = result?.[which];
          return (
            <Cell key={`${which} ${sweep.metrics[i]}`} right>
              <span
                className={cn(which === "last" && i === 0 && best && "font-semibold text-good")}
              >
                {value ? formatNumber(value.mean) : NONE}
              </span>
              {value ? (
                <CellNote>
                  {value.low === null || value.high === null
                    ? `n = ${value.n}`
                    : `${formatNumber(value.low)} – ${formatNumber(value.high)}, n = ${value.n}`}
                </CellNote>
              ) : null}
              {value && value.deviation !== null ? (
                <CellNote>s = {formatNumber(value.deviation)}</CellNote>
              ) : null}
            </Cell>
          );
        }),
      )}
      <Cell right>
        {formatSeconds(group.seconds)}
        {group.succeeded < group.runs ? (
          <CellNote>{`${group.succeeded} of ${group.runs} succeeded`}</CellNote>
        ) : null}
      </Cell>
    </tr>
  );
}

function RunLine({ run, sweep, best }: { run: Member; sweep: SweepDetail; best: boolean }) {
  return (
    <tr
      className="border-b last:border-0 hover:bg-muted/50"
      data-run={run.id}
      data-best={best || undefined}
    >
      <th scope="row" className="sticky left-0 z-10 bg-card px-3 py-2 align-top font-normal">
        <Link href={`/runs/${run.id}`} className="flex gap-2 hover:underline" title={run.name}>
          <RowMark row={run.row} />
          <span className="min-w-24">
            <RunStateBadge state={run.state} /> {best ? <Badge tone="good">best</Badge> : null}
            <CellNote>
              {run.error ? (
                <span className="block max-w-52 truncate text-bad">{run.error}</span>
              ) : run.state === "succeeded" ? (
                "open"
              ) : (
                formatProgress(run.progress) || "open"
              )}
            </CellNote>
          </span>
        </Link>
      </th>
      <SettingCells of={run.varied} paths={sweep.paths} />
      <Cell right>{run.seed ?? NONE}</Cell>
      {run.results.flatMap((result, i) =>
        (["last", "best"] as const).map((which) => (
          <Cell key={`${which} ${sweep.metrics[i]}`} right>
            <span className={cn(which === "last" && i === 0 && best && "font-semibold text-good")}>
              {formatNumber(result?.[which])}
            </span>
            {result ? (
              <CellNote>step {which === "last" ? result.lastStep : result.bestStep}</CellNote>
            ) : null}
          </Cell>
        )),
      )}
      <Cell right>
        <Duration run={run} />
      </Cell>
    </tr>
  );
}

function Duration({ run }: { run: Member }) {
  return formatSeconds(computeRunSeconds(run, useNow()));
}
