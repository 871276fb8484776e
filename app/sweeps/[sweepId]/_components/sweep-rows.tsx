"use client";
import { ColourDot } from "@/app/_ui/colour-dot";
import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatNumber, formatSeconds, formatWords, NONE } from "@/app/_lib/format/format";
import { computeRunSeconds, formatProgress } from "@/app/_lib/run-view";
import type { SweepDetail } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Badge } from "@/app/_ui/badge";
import { RunStateBadge } from "@/app/_ui/run-state";
import { formatSettingValue } from "@/core/sweep/varied-settings";
import { getSeriesColour } from "@/app/_charts/prepare/series-colour";

type Group = SweepDetail["groups"][number];
type Member = SweepDetail["members"][number];

/** What a metric has in the table. */
const VALUES = ["last", "best"] as const;

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

function SettingCells({ varied, paths }: { varied: Group["varied"]; paths: readonly string[] }) {
  return paths.map((path) => (
    <Cell key={path}>{path in varied ? formatSettingValue(varied[path]!) : NONE}</Cell>
  ));
}

const RowMark = ({ row }: { row: number }) => (
  <ColourDot colour={getSeriesColour(row)} className="mt-1" />
);

type GroupLineProps = { group: Group; sweep: SweepDetail; best: boolean };

/** A setting: its runs, and the mean of their results with interval and standard deviation. */
export function GroupLine({ group, sweep, best }: GroupLineProps) {
  const t = useText();
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
                title={`${run.name}: ${formatWords(t, run.state)}`}
                className="hover:underline"
              >
                <RunStateBadge state={run.state} kind={sweep.kind} />{" "}
                <span className="text-2xs text-muted-foreground">{run.seed}</span>
              </Link>
            ))}
            {best ? <Badge tone="good">{t("best")}</Badge> : null}
          </span>
        </span>
      </th>
      <SettingCells varied={group.varied} paths={sweep.paths} />
      {group.results.flatMap((result, i) =>
        VALUES.map((which) => {
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
          <CellNote>
            {t("{succeeded} of {runs} succeeded", { succeeded: group.succeeded, runs: group.runs })}
          </CellNote>
        ) : null}
      </Cell>
    </tr>
  );
}

/** A run: its state, its settings, and each metric's last and best value with their steps. */
export function RunLine({ run, sweep, best }: { run: Member; sweep: SweepDetail; best: boolean }) {
  const t = useText();
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
            <RunStateBadge state={run.state} kind={sweep.kind} />{" "}
            {best ? <Badge tone="good">{t("best")}</Badge> : null}
            <CellNote>
              {run.error ? (
                <span className="block max-w-52 truncate text-bad">{t.message(run.error)}</span>
              ) : run.state === "succeeded" ? (
                t("open")
              ) : (
                formatProgress(t, run.progress) || t("open")
              )}
            </CellNote>
          </span>
        </Link>
      </th>
      <SettingCells varied={run.varied} paths={sweep.paths} />
      <Cell right>{run.seed ?? NONE}</Cell>
      {run.results.flatMap((result, i) =>
        VALUES.map((which) => (
          <Cell key={`${which} ${sweep.metrics[i]}`} right>
            <span className={cn(which === "last" && i === 0 && best && "font-semibold text-good")}>
              {formatNumber(result?.[which])}
            </span>
            {result ? (
              <CellNote>
                {t("step {step}", { step: which === "last" ? result.lastStep : result.bestStep })}
              </CellNote>
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
