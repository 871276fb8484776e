"use client";
import { useMemo } from "react";
import { useText } from "@/app/_i18n/text-provider";
import {
  formatSort,
  getNextSort,
  readSort,
  sortRows,
  type Sort,
} from "@/app/_lib/format/table-sort";
import { useGradually } from "@/app/_lib/hooks/use-gradually";
import type { SweepDetail } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { MetricHelp } from "@/app/_ui/metric-help";
import { SortHead } from "@/app/_ui/sort-head";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { BAND_EXPLANATION, findBestRow } from "@/core/sweep/sweep-table";
import { GroupLine, RunLine } from "./sweep-rows";
import { getGroupValue, getRunValue, listColumns } from "./table-rows";

interface Props {
  sweep: SweepDetail;
  sort: string | null;
  view: string | null;
  setParams: (changes: Record<string, string | null>) => void;
}

/** Settings by results: averaged over seeds, or run by run. Every run is one click away. */
export function SweepTable({ sweep, sort: sortParam, view, setParams }: Props) {
  const t = useText();
  const averaged = sweep.groups.some((group) => group.runs > 1);
  const byRun = !averaged || view === "runs";
  const sort = useMemo(() => readSort(sortParam), [sortParam]);
  // Rows that are drawn later than the head must not stand under the heads of other metrics.
  const key = [sweep.id, ...sweep.metrics].join(" ");
  const onSort = (column: string) => {
    const next = getNextSort(sort, column);
    setParams({ sort: next && formatSort(next) });
  };
  const best = findBestRow(sweep, 0);
  return (
    <Card className="mt-4 overflow-hidden" aria-label={t("Results")}>
      <header className="flex flex-wrap items-center justify-between gap-2 px-4 py-3">
        <p className="max-w-2xl min-w-0 text-xs text-muted-foreground">
          {byRun
            ? t("Last value of each run, and the best with its step.")
            : `${t(BAND_EXPLANATION)} ${t("Only runs that have succeeded are averaged.")}`}
        </p>
        {averaged ? (
          <SegmentedControl
            label={t("Rows")}
            value={byRun ? "runs" : "settings"}
            options={["settings", "runs"] as const}
            text={(one) => (one === "runs" ? t("By run") : t("By setting"))}
            onChange={(one) => setParams({ view: one === "runs" ? "runs" : null })}
          />
        ) : null}
      </header>
      <ScrollRegion label={t("Settings by results")} className="border-t">
        <table className="w-full text-left">
          <Head sweep={sweep} byRun={byRun} sort={sort} onSort={onSort} />
          <tbody>
            {byRun ? (
              <RunLines key={key} sweep={sweep} sort={sort} best={best} />
            ) : (
              <GroupLines key={key} sweep={sweep} sort={sort} best={best} />
            )}
          </tbody>
        </table>
      </ScrollRegion>
    </Card>
  );
}

/** Rows that are drawn before all others. */
const FIRST_ROWS = 12;

interface LinesProps {
  sweep: SweepDetail;
  sort: Sort | null;
  /** The row of the best setting. */
  best: ReturnType<typeof findBestRow>;
}

function RunLines({ sweep, sort, best }: LinesProps) {
  const { members, metrics } = sweep;
  const sorted = useMemo(
    () => sortRows(members, sort, (run, column) => getRunValue(run, column, metrics)),
    [members, metrics, sort],
  );
  return useGradually(sorted, FIRST_ROWS).map((run) => (
    <RunLine
      key={run.id}
      run={run}
      sweep={sweep}
      best={run.row === best && run.state === "succeeded"}
    />
  ));
}

function GroupLines({ sweep, sort, best }: LinesProps) {
  const { groups, metrics } = sweep;
  const sorted = useMemo(
    () => sortRows(groups, sort, (group, column) => getGroupValue(group, column, metrics)),
    [groups, metrics, sort],
  );
  return useGradually(sorted, FIRST_ROWS).map((group) => (
    <GroupLine key={group.row} group={group} sweep={sweep} best={group.row === best} />
  ));
}

interface HeadProps {
  sweep: SweepDetail;
  byRun: boolean;
  sort: Sort | null;
  onSort: (column: string) => void;
}

function Head({ sweep, byRun, sort, onSort }: HeadProps) {
  const t = useText();
  const columns = listColumns(t, sweep, byRun);
  return (
    <thead className="border-b text-xs text-muted-foreground">
      <tr>
        <th scope="col" className="sticky left-0 z-10 h-9 bg-card px-3 font-medium">
          {byRun ? t("Run") : t("Runs")}
        </th>
        {columns.map(({ id, text, title, isNumber, metric }) => {
          const active = sort?.column === id;
          return (
            <SortHead
              key={id}
              direction={active ? (sort.descending ? "descending" : "ascending") : undefined}
              onSort={() => onSort(id)}
              title={title}
              className={isNumber ? "text-right" : ""}
              help={metric && <MetricHelp metric={metric} className={HEAD_HELP} />}
            >
              {text}
            </SortHead>
          );
        })}
      </tr>
    </thead>
  );
}
