"use client";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { RunDuration } from "@/app/runs/_components/run-duration";
import dynamic from "next/dynamic";
import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";
import { formatDateTime, formatShortId, formatWords } from "@/app/_lib/format/format";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { ImportedBadge } from "@/app/_ui/badge";
import { BackLink } from "@/app/_ui/back-link";
import { CopyButton } from "@/app/_ui/copy-button";
import { RunStateBadge } from "@/app/_ui/run-state";
import { getTrainedMethod } from "@/contracts/run-config/trained-method-names";
import { METHODS } from "@/core/run/methods";
import { AwayNotice } from "./away-notice";
import { LearningLine } from "./learning-line";
import { RunActions } from "./run-actions";
import { RunNotes } from "./run-notes";
import { RunPhase } from "./run-phase";

const ExternalPhase = dynamic(() => import("./external-phase").then((m) => m.ExternalPhase), {
  loading: () => <p className="mt-3 min-h-10" />,
});

const LINK = "underline decoration-dotted underline-offset-2";

/** What is known of the run, without what it does not have. */
function listFacts(t: Text, run: RunDetail): [string, ReactNode][] {
  const { config } = run;
  const method =
    config.kind === "predict"
      ? config.method
      : config.kind === "train"
        ? getTrainedMethod(config)
        : null;
  const isS3 = method === "s3";
  const facts: [string, ReactNode][] = [
    [t("Kind"), formatWords(t, run.kind)],
    [t("Method"), method === null || method === "s3" ? null : t(METHODS[method].title)],
    [isS3 ? t("Searcher") : t("Model"), run.model],
    [t("Corpus"), run.corpus],
    [t("Experiment"), config.kind === "external" ? config.experiment : null],
    [t("Reported by"), config.kind === "external" ? run.createdBy : null],
    [t("Retrieve-select-turns"), run.setting && <span className="font-mono">{run.setting}</span>],
    [
      t("Worker"),
      run.worker && (
        <Link href="/workers" className={LINK}>
          {run.worker.name}
        </Link>
      ),
    ],
    [
      t("Branched from"),
      run.branchedFrom && (
        <Link href={`/runs/${run.branchedFrom.runId}?tab=checkpoints`} className={LINK}>
          {t("{name}, step {step}", {
            name: run.branchedFrom.name,
            step: run.branchedFrom.step,
          })}
        </Link>
      ),
    ],
    [
      t("Sweep"),
      run.sweep && (
        <Link href={`/sweeps/${run.sweep.id}`} className={LINK}>
          {run.sweep.name}
        </Link>
      ),
    ],
    [
      t("Duration"),
      <span key="duration" className="font-mono">
        <RunDuration run={run} />
      </span>,
    ],
    [
      t("Imported from"),
      run.importedFrom && <span className="font-mono break-all">{run.importedFrom}</span>,
    ],
    [
      t("Created"),
      <time key="created" dateTime={run.createdAt.toISOString()}>
        {formatDateTime(t, run.createdAt)}
      </time>,
    ],
    [t("Attempt"), run.attempt > 1 ? `${run.attempt}` : null],
  ];
  return facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
}

/** The run's name, state, actions and facts, and where it is. */
export function RunHeader({ run }: { run: RunDetail }) {
  const t = useText();
  return (
    <header>
      <AwayNotice />
      <BackLink href="/runs">{t("Runs")}</BackLink>
      <div className="mt-1 flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="flex min-w-0 flex-wrap items-center gap-x-2.5 gap-y-1">
          <h1 className="min-w-0 text-lg font-semibold break-words">{run.name}</h1>
          <span aria-live="polite">
            {/* Of a training, the line below says how it came out. */}
            <RunStateBadge state={run.state} kind={run.kind} />
            {run.importedFrom === null ? null : <ImportedBadge from={run.importedFrom} />}
          </span>
          <span className="flex items-center font-mono text-2xs text-muted-foreground">
            {formatShortId(run.id)}
            <CopyButton
              variant="ghost"
              size="icon-sm"
              text={run.id}
              label={t("Copy the run's id")}
              className="size-6"
            />
          </span>
        </div>
        <RunActions run={run} />
      </div>
      <dl className="mt-1.5 flex flex-wrap gap-x-5 gap-y-1 text-xs">
        {listFacts(t, run).map(([label, value]) => (
          <div key={label} className="flex gap-1.5">
            <dt className="text-muted-foreground">{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <RunNotes run={run} />
      {run.kind === "train" ? <LearningLine run={run} /> : null}
      {run.kind === "external" ? <ExternalPhase run={run} /> : <RunPhase run={run} />}
    </header>
  );
}
