"use client";
import { Copy, Hourglass, Play, Square } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { formatDateTime, formatSeconds, formatCount, formatShortId } from "@/app/_lib/format";
import { computeProgressShare, formatProgress, computeRunSeconds } from "@/app/_lib/run-view";
import type { RunDetail } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { useRunActions } from "@/app/_lib/use-run-actions";
import { ImportedBadge } from "@/app/_ui/badge";
import { BackLink } from "@/app/_ui/back-link";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { Progress } from "@/app/_ui/progress";
import { RunStateBadge } from "@/app/_ui/run-state";
import { ErrorState } from "@/app/_ui/states";
import { METHODS } from "@/core/run/methods";
import { TERMINAL } from "@/core/run/transitions";
import { UpstreamFiles } from "./upstream-files";

export function RunHeader({ run }: { run: RunDetail }) {
  const actions = useRunActions();
  const now = useNow();
  const isAllowed = (action: RunDetail["actions"][number]) => run.actions.includes(action);
  const facts: [string, ReactNode][] = [
    ["Kind", run.kind],
    ...(run.config.kind === "predict" && run.config.method !== "s3"
      ? [["Method", METHODS[run.config.method].title] as [string, ReactNode]]
      : []),
    ...(run.model
      ? [
          [
            run.config.kind === "train" ||
            (run.config.kind === "predict" && run.config.method === "s3")
              ? "Searcher"
              : "Model",
            run.model,
          ] as [string, ReactNode],
        ]
      : []),
    ...(run.corpus === null ? [] : [["Corpus", run.corpus] as [string, ReactNode]]),
    ...(run.setting
      ? [
          [
            "Retrieve-select-turns",
            <span key="s" className="font-mono">
              {run.setting}
            </span>,
          ] as [string, ReactNode],
        ]
      : []),
    ...(run.worker
      ? [
          [
            "Worker",
            <Link
              key="w"
              href="/workers"
              className="underline decoration-dotted underline-offset-2"
            >
              {run.worker.name}
            </Link>,
          ] as [string, ReactNode],
        ]
      : []),
    ...(run.sweep
      ? [
          [
            "Sweep",
            <Link
              key="s"
              href={`/sweeps/${run.sweep.id}`}
              className="underline decoration-dotted underline-offset-2"
            >
              {run.sweep.name}
            </Link>,
          ] as [string, ReactNode],
        ]
      : []),
    [
      "Duration",
      <span key="d" className="font-mono">
        {formatSeconds(computeRunSeconds(run, now))}
      </span>,
    ],
    ...(run.importedFrom === null
      ? []
      : [
          [
            "Imported from",
            <span key="i" className="font-mono break-all">
              {run.importedFrom}
            </span>,
          ] as [string, ReactNode],
        ]),
    [
      "Created",
      <time key="c" dateTime={run.createdAt.toISOString()}>
        {formatDateTime(run.createdAt)}
      </time>,
    ],
    ...(run.attempt > 1 ? [["Attempt", `${run.attempt}`] as [string, ReactNode]] : []),
  ];
  return (
    <header>
      <BackLink href="/">Runs</BackLink>
      <div className="mt-1 flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="flex min-w-0 flex-wrap items-center gap-x-2.5 gap-y-1">
          <h1 className="min-w-0 text-lg font-semibold break-words">{run.name}</h1>
          <span aria-live="polite">
            <RunStateBadge state={run.state} />
            {run.importedFrom === null ? null : <ImportedBadge from={run.importedFrom} />}
          </span>
          <span className="flex items-center font-mono text-2xs text-muted-foreground">
            {formatShortId(run.id)}
            <CopyButton
              variant="ghost"
              size="icon-sm"
              text={run.id}
              label="Copy the run's id"
              className="size-6"
            />
          </span>
        </div>
        <div className="flex flex-wrap gap-2">
          {(run.kind === "predict" || run.kind === "train") && run.attempt > 0 ? (
            <UpstreamFiles runId={run.id} />
          ) : null}
          {isAllowed("cancel") ? (
            <Button variant="danger" disabled={actions.busy} onClick={() => actions.cancel(run.id)}>
              <Square /> Cancel
            </Button>
          ) : null}
          {isAllowed("resume") ? (
            <Button disabled={actions.busy} onClick={() => actions.resume(run.id)}>
              <Play /> Resume
            </Button>
          ) : null}
          {isAllowed("duplicate") ? (
            <Button onClick={() => actions.duplicate(run.id)}>
              <Copy /> Duplicate
            </Button>
          ) : null}
        </div>
      </div>
      <dl className="mt-1.5 flex flex-wrap gap-x-5 gap-y-1 text-xs">
        {facts.map(([label, value]) => (
          <div key={label} className="flex gap-1.5">
            <dt className="text-muted-foreground">{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Phase run={run} />
    </header>
  );
}

/** Where the run is, or why it is nowhere. The place is kept in every state, so that nothing below jumps. */
function Phase({ run }: { run: RunDetail }) {
  if (run.state === "failed")
    return (
      <ErrorState
        className="mt-3"
        title={run.attempt > 1 ? `Failed after ${formatCount(run.attempt, "attempt")}` : "Failed"}
        error={{ message: run.error ?? "No reason was recorded." }}
      >
        <p className="mt-2 text-xs text-muted-foreground">
          Mend the cause, then resume: it goes on from the last checkpoint. The logs hold what
          happened before.
        </p>
      </ErrorState>
    );
  if (run.state === "queued")
    return (
      <p className="mt-3 flex min-h-10 items-center gap-2 text-muted-foreground" role="status">
        <Hourglass className="size-4" aria-hidden />{" "}
        {run.waitingFor ?? "Waiting for a worker with a free slot."}
      </p>
    );
  const tone = run.state === "succeeded" ? "good" : TERMINAL.has(run.state) ? "neutral" : "primary";
  return (
    <div className="mt-3 min-h-10">
      <Progress
        value={run.state === "succeeded" ? 1 : computeProgressShare(run.progress)}
        label="Progress of the phase"
        tone={tone}
      />
      <p className="mt-1.5 flex flex-wrap gap-x-3 text-xs text-muted-foreground">
        <span className="text-foreground">{describePhase(run)}</span>
        <span>{TERMINAL.has(run.state) ? "" : run.progress?.detail}</span>
      </p>
    </div>
  );
}

const capitalise = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function describePhase(run: RunDetail): string {
  const progress = formatProgress(run.progress);
  if (run.state === "succeeded")
    return run.endedAt ? `Finished ${formatDateTime(run.endedAt)}` : "Finished";
  if (run.state === "cancelled")
    return progress ? `Stopped while ${progress}` : "Stopped before it began";
  return capitalise(progress || run.state);
}
