"use client";
import { Copy, CornerUpRight, EllipsisVertical, Play, Square, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { Sparkline } from "@/app/_charts/sparkline";
import {
  formatNumber,
  formatSeconds,
  formatShare,
  NONE,
  formatCount,
  formatShortId,
} from "@/app/_lib/format";
import { computeProgressShare, formatProgress, computeRunSeconds } from "@/app/_lib/run-view";
import type { RunRow } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { useRunActions } from "@/app/_lib/use-run-actions";
import { Badge, ImportedBadge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { Progress } from "@/app/_ui/progress";
import { RunStateBadge } from "@/app/_ui/run-state";
import { StateCounts } from "@/app/_ui/state-counts";
import { ALARMS } from "@/core/metrics/alarms";
import { findMetric, getMetricLabel } from "@/core/metrics/metrics";
import { canTransition, TERMINAL_STATES } from "@/core/run/transitions";

/** "train · smollm2-135m-instruct · atlas · 4-3-1". */
const describeRun = (run: RunRow): string =>
  [run.kind, run.model, run.corpus, run.setting, run.importedFrom].filter(Boolean).join(" · ");

/** The run's name as a link, and its sweep. With `folded`, the sweep stands for its runs. */
export function RunName({ run, folded }: { run: RunRow; folded: boolean }) {
  const sweep = run.sweep;
  const runs = sweep ? Object.values(sweep.counts).reduce((sum, n) => sum + n, 0) : 0;
  return (
    <>
      <Link
        href={sweep && folded ? `/sweeps/${sweep.id}` : `/runs/${run.id}`}
        className="font-medium after:absolute after:inset-0"
      >
        {sweep && folded ? `${sweep.name}, ${formatCount(runs, "run")}` : run.name}
      </Link>
      {run.importedFrom === null ? null : (
        <span className="ml-1.5">
          <ImportedBadge from={run.importedFrom} />
        </span>
      )}
      <p className="truncate text-2xs text-muted-foreground">
        {sweep && !folded ? (
          <>
            <Link
              href={`/sweeps/${sweep.id}`}
              className="relative z-10 underline decoration-dotted underline-offset-2 hover:text-foreground"
            >
              sweep of {runs}
            </Link>
            {" · "}
          </>
        ) : null}
        {sweep && folded ? null : (
          <>
            <span className="font-mono">{formatShortId(run.id)}</span> {"· "}
          </>
        )}
        {describeRun(run)}
      </p>
    </>
  );
}

/** The run's state; with `folded`, the states of the sweep's runs. */
export const RunStates = ({ run, folded }: { run: RunRow; folded: boolean }) =>
  run.sweep && folded ? (
    <StateCounts counts={run.sweep.counts} />
  ) : (
    <span className="flex flex-wrap gap-1">
      <RunStateBadge state={run.state} />
      <RunAlarms run={run} />
    </span>
  );

/** How far a run is, in words and as a bar; the reason of one that failed. */
export function RunProgress({ run }: { run: RunRow }) {
  if (run.state === "queued")
    return <span className="text-xs text-muted-foreground">waiting for a worker</span>;
  if (run.state === "failed" && run.error !== null)
    return (
      <p className="line-clamp-2 text-2xs text-bad" title={run.error}>
        {run.error}
      </p>
    );
  if (!run.progress) return <span className="text-muted-foreground">{NONE}</span>;
  const tone =
    run.state === "succeeded" ? "good" : TERMINAL_STATES.has(run.state) ? "neutral" : "primary";
  return (
    <div>
      <Progress
        value={run.state === "succeeded" ? 1 : computeProgressShare(run.progress)}
        label={`Progress of ${run.name}`}
        tone={tone}
      />
      <p className="mt-1 truncate text-2xs text-muted-foreground">
        {run.state === "succeeded" ? "finished" : formatProgress(run.progress)}
      </p>
    </div>
  );
}

/** How long a run took, or takes so far. */
export function RunDuration({ run }: { run: RunRow }) {
  return <>{formatSeconds(computeRunSeconds(run, useNow()))}</>;
}

/** The run's headline metric with its recent values. */
export function RunHeadline({ run }: { run: RunRow }) {
  const { metric, value, sparkline } = run.headline;
  const name = getMetricLabel(metric);
  return (
    <div className="flex items-center gap-3" title={metric}>
      <span className="w-12 text-right font-mono">
        {findMetric(metric)?.unit === "share" ? formatShare(value) : formatNumber(value)}
      </span>
      <Sparkline
        values={sparkline.map((p) => p.value)}
        label={`Course of the ${name} of ${run.name}`}
      />
    </div>
  );
}

/** How many alarms are raised now; nothing where none is. */
function RunAlarms({ run: { alarms } }: { run: RunRow }) {
  if (alarms.length === 0) return null;
  return (
    <Badge
      tone="warn"
      title={alarms.map((name) => ALARMS[name].title).join(", ")}
      data-run-alarms={alarms.length}
    >
      <TriangleAlert className="size-3" aria-hidden /> {formatCount(alarms.length, "alarm")}
    </Badge>
  );
}

/** Open, cancel, resume, duplicate: what the run's state allows. */
export function RunMenu({ run }: { run: RunRow }) {
  const { cancel, resume, duplicate, busy } = useRunActions();
  const router = useRouter();
  const canCancel = canTransition(run.state, "cancelling") || canTransition(run.state, "cancelled");
  const canResume = TERMINAL_STATES.has(run.state) && canTransition(run.state, "queued");
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button
          variant="ghost"
          size="icon-sm"
          className="relative z-10"
          aria-label={`Actions of ${run.name}`}
        >
          <EllipsisVertical />
        </Button>
      </MenuTrigger>
      <MenuContent>
        <MenuItem onSelect={() => router.push(`/runs/${run.id}`)}>
          <CornerUpRight /> Open
        </MenuItem>
        <MenuItem
          disabled={!canCancel || run.state === "cancelling" || busy}
          onSelect={() => cancel(run.id)}
        >
          <Square /> Cancel
        </MenuItem>
        <MenuItem disabled={!canResume || busy} onSelect={() => resume(run.id)}>
          <Play /> Resume
        </MenuItem>
        <MenuItem onSelect={() => duplicate(run.id)}>
          <Copy /> Duplicate
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
