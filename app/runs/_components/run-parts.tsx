"use client";
import {
  Archive,
  ArchiveRestore,
  Copy,
  CornerUpRight,
  EllipsisVertical,
  Pencil,
  Play,
  Square,
  Trash2,
  TriangleAlert,
  Undo2,
} from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { Sparkline } from "@/app/_charts/sparkline";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { NONE, formatShortId, formatWords } from "@/app/_lib/format/format";
import { formatMetricValue } from "@/app/_lib/format/format-metric";
import { computeProgressShare, formatProgress } from "@/app/_lib/run-view";
import type { RunRow } from "@/app/_lib/live/trpc";
import { useRunActions } from "@/app/_lib/use-run-actions";
import { Badge, ImportedBadge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { Progress } from "@/app/_ui/progress";
import { RunStateBadge } from "@/app/_ui/run-state";
import { StateCounts } from "@/app/_ui/state-counts";
import { ALARMS } from "@/core/metrics/alarms";
import { getMetricLabel } from "@/core/metrics/metrics";
import { canTransition, TERMINAL_STATES } from "@/core/run/transitions";
import { CancelDialog } from "./cancel-dialog";
import { EditDialog } from "./edit-dialog";
import { useOrganise } from "./use-organise";

/** "train · smollm2-135m-instruct · atlas · 4-3-1". */
const describeRun = (t: Text, run: RunRow): string =>
  [formatWords(t, run.kind), run.model, run.corpus, run.setting, run.importedFrom]
    .filter(Boolean)
    .join(" · ");

/** The run's name as a link, and its sweep. With `folded`, the sweep stands for its runs. */
export function RunName({ run, folded }: { run: RunRow; folded: boolean }) {
  const t = useText();
  const sweep = run.sweep;
  const runs = sweep ? Object.values(sweep.counts).reduce((sum, n) => sum + n, 0) : 0;
  return (
    <>
      <Link href={sweep && folded ? `/sweeps/${sweep.id}` : `/runs/${run.id}`} className="row-link">
        {sweep && folded
          ? t("{name}, {runs, plural, one {# run} other {# runs}}", { name: sweep.name, runs })
          : run.name}
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
              {t("sweep of {runs}", { runs })}
            </Link>
            {" · "}
          </>
        ) : null}
        {sweep && folded ? null : (
          <>
            <span className="font-mono">{formatShortId(run.id)}</span> {"· "}
          </>
        )}
        {describeRun(t, run)}
      </p>
      {run.tags.length > 0 && !(sweep && folded) ? (
        <p className="mt-0.5 flex flex-wrap gap-1">
          {run.tags.map((tag) => (
            <Badge key={tag} tone="outline" data-tag={tag}>
              {tag}
            </Badge>
          ))}
        </p>
      ) : null}
    </>
  );
}

/** The run's state; with `folded`, the states of the sweep's runs. */
export const RunStates = ({ run, folded }: { run: RunRow; folded: boolean }) =>
  run.sweep && folded ? (
    <StateCounts counts={run.sweep.counts} kind={run.kind} />
  ) : (
    <span className="flex flex-wrap gap-1">
      <RunStateBadge state={run.state} kind={run.kind} />
      <RunAlarms run={run} />
    </span>
  );

/** How far a run is, in words and as a bar; the reason of one that failed. */
export function RunProgress({ run }: { run: RunRow }) {
  const t = useText();
  if (run.state === "queued")
    return <span className="text-xs text-muted-foreground">{t("waiting for a worker")}</span>;
  if (run.state === "failed" && run.error !== null)
    return (
      <p className="line-clamp-2 text-2xs text-bad" title={t.message(run.error)}>
        {t.message(run.error)}
      </p>
    );
  if (!run.progress) return <span className="text-muted-foreground">{NONE}</span>;
  const tone =
    run.state === "succeeded" ? "good" : TERMINAL_STATES.has(run.state) ? "neutral" : "primary";
  return (
    <div>
      <Progress
        value={run.state === "succeeded" ? 1 : computeProgressShare(run.progress)}
        label={t("Progress of {name}", { name: run.name })}
        tone={tone}
      />
      <p className="mt-1 truncate text-2xs text-muted-foreground">
        {run.state === "succeeded" ? t("finished") : formatProgress(t, run.progress)}
      </p>
    </div>
  );
}

/** The run's headline metric with its recent values. */
export function RunHeadline({ run }: { run: RunRow }) {
  const t = useText();
  const { metric, value, sparkline } = run.headline;
  return (
    <div className="flex items-center gap-3" title={metric}>
      <span className="w-12 text-right font-mono">{formatMetricValue(metric, value)}</span>
      <Sparkline
        values={sparkline.map((p) => p.value)}
        label={t("Course of the {metric} of {run}", {
          metric: t(getMetricLabel(metric)),
          run: run.name,
        })}
      />
    </div>
  );
}

/** How many alarms are raised now; nothing where none is. */
function RunAlarms({ run: { alarms } }: { run: RunRow }) {
  const t = useText();
  if (alarms.length === 0) return null;
  return (
    <Badge
      tone="warn"
      title={alarms.map((name) => t(ALARMS[name].title)).join(", ")}
      data-run-alarms={alarms.length}
    >
      <TriangleAlert className="size-3" aria-hidden />{" "}
      {t("{alarms, plural, one {# alarm} other {# alarms}}", { alarms: alarms.length })}
    </Badge>
  );
}

/** Open, cancel, resume, duplicate: what the run's state allows. */
export function RunMenu({ run }: { run: RunRow }) {
  const t = useText();
  const { cancel, resume, duplicate, busy } = useRunActions();
  const organise = useOrganise();
  const [editing, setEditing] = useState(false);
  const [cancelling, setCancelling] = useState(false);
  const router = useRouter();
  const isOver = TERMINAL_STATES.has(run.state);
  const canCancel =
    !isOver &&
    (["cancelling", "cancelled"] as const).some((to) => canTransition(run.kind, run.state, to));
  const canResume = isOver && canTransition(run.kind, run.state, "queued");
  return (
    <>
      <Menu>
        <MenuTrigger asChild>
          <Button
            variant="ghost"
            size="icon-sm"
            className="relative z-10"
            aria-label={t("Actions of {name}", { name: run.name })}
          >
            <EllipsisVertical />
          </Button>
        </MenuTrigger>
        <MenuContent>
          <MenuItem onSelect={() => router.push(`/runs/${run.id}`)}>
            <CornerUpRight /> {t("Open")}
          </MenuItem>
          <MenuItem
            disabled={!canCancel || run.state === "cancelling" || busy}
            onSelect={() => setCancelling(true)}
          >
            <Square /> {t("Cancel")}
          </MenuItem>
          <MenuItem disabled={!canResume || busy} onSelect={() => resume(run.id)}>
            <Play /> {t("Resume")}
          </MenuItem>
          {run.kind === "external" ? null : (
            <MenuItem onSelect={() => duplicate(run.id)}>
              <Copy /> {t("Duplicate")}
            </MenuItem>
          )}
          <MenuItem onSelect={() => setEditing(true)}>
            <Pencil /> {t("Name, tags, notes")}
          </MenuItem>
          <MenuItem
            onSelect={() => organise.update([run.id], { archived: run.archivedAt === null })}
          >
            {run.archivedAt === null ? <Archive /> : <ArchiveRestore />}
            {run.archivedAt === null ? t("Archive") : t("Back to the list")}
          </MenuItem>
          {run.deletedAt === null ? (
            <MenuItem
              disabled={!isOver}
              onSelect={() => organise.update([run.id], { deleted: true })}
            >
              <Trash2 /> {t("Delete")}
            </MenuItem>
          ) : (
            <MenuItem onSelect={() => organise.update([run.id], { deleted: false })}>
              <Undo2 /> {t("Restore")}
            </MenuItem>
          )}
        </MenuContent>
      </Menu>
      {editing ? <EditDialog run={run} onClose={() => setEditing(false)} /> : null}
      <CancelDialog
        run={run}
        open={cancelling}
        onClose={() => setCancelling(false)}
        pending={busy}
        onCancel={() => cancel(run.id)}
      />
    </>
  );
}
