"use client";
import { Copy, Play, Square } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { formatDateTime, formatSeconds, formatShortId } from "@/app/_lib/format";
import { computeRunSeconds } from "@/app/_lib/run-view";
import type { RunDetail } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { useRunActions } from "@/app/_lib/use-run-actions";
import { ImportedBadge } from "@/app/_ui/badge";
import { BackLink } from "@/app/_ui/back-link";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { RunStateBadge } from "@/app/_ui/run-state";
import { METHODS } from "@/core/run/methods";
import { RunPhase } from "./run-phase";
import { UpstreamFiles } from "./upstream-files";

const LINK = "underline decoration-dotted underline-offset-2";

/** What is known of the run, without what it does not have. */
function listFacts(run: RunDetail, now: number): [string, ReactNode][] {
  const { config } = run;
  const method = config.kind === "predict" ? config.method : null;
  const isS3 = config.kind === "train" || method === "s3";
  const facts: [string, ReactNode][] = [
    ["Kind", run.kind],
    ["Method", method === null || method === "s3" ? null : METHODS[method].title],
    [isS3 ? "Searcher" : "Model", run.model],
    ["Corpus", run.corpus],
    ["Retrieve-select-turns", run.setting && <span className="font-mono">{run.setting}</span>],
    [
      "Worker",
      run.worker && (
        <Link href="/workers" className={LINK}>
          {run.worker.name}
        </Link>
      ),
    ],
    [
      "Sweep",
      run.sweep && (
        <Link href={`/sweeps/${run.sweep.id}`} className={LINK}>
          {run.sweep.name}
        </Link>
      ),
    ],
    [
      "Duration",
      <span key="duration" className="font-mono">
        {formatSeconds(computeRunSeconds(run, now))}
      </span>,
    ],
    [
      "Imported from",
      run.importedFrom && <span className="font-mono break-all">{run.importedFrom}</span>,
    ],
    [
      "Created",
      <time key="created" dateTime={run.createdAt.toISOString()}>
        {formatDateTime(run.createdAt)}
      </time>,
    ],
    ["Attempt", run.attempt > 1 ? `${run.attempt}` : null],
  ];
  return facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
}

/** The run's name, state, actions and facts, and where it is. */
export function RunHeader({ run }: { run: RunDetail }) {
  const actions = useRunActions();
  const now = useNow();
  const isAllowed = (action: RunDetail["actions"][number]) => run.actions.includes(action);
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
        {listFacts(run, now).map(([label, value]) => (
          <div key={label} className="flex gap-1.5">
            <dt className="text-muted-foreground">{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <RunPhase run={run} />
    </header>
  );
}
