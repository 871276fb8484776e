"use client";
import { useQuery } from "@tanstack/react-query";
import { FlaskConical, GitBranch } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes, formatDateTime, formatShare, formatShortId } from "@/app/_lib/format/format";
import { useTRPC, type Checkpoint, type RunDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { HEAD_HELP, TermHead } from "@/app/_ui/head-label";
import { MetricHelp } from "@/app/_ui/metric-help";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { useSeries } from "@/app/_lib/live/use-series";
import { getMetricWithRole } from "@/core/metrics/metrics";
import { BranchesList } from "./branches-list";

const OUTCOME_METRIC = getMetricWithRole("outcome", "train");

/** A training run's checkpoints, to export, branch or predict with, and the runs that began with one. */
export function CheckpointsTab({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.runs.checkpoints.queryOptions({ id: run.id }));
  if (query.isPending) return <Skeleton className="h-40" />;
  if (query.isError && !query.data)
    return <QueryErrorState title={t("The checkpoints could not be read")} query={query} />;
  return (
    <>
      {query.data.length === 0 ? (
        <NoCheckpoint run={run} />
      ) : (
        <>
          <p className="mb-3 text-xs text-muted-foreground">
            <Link href={`/compare?train=${run.id}`} className="text-primary hover:underline">
              {t("Follow one held-out question across the evaluations")}
            </Link>
          </p>
          <CheckpointsTable run={run} checkpoints={query.data} />
        </>
      )}
      <BranchesList run={run} />
    </>
  );
}

function NoCheckpoint({ run }: { run: RunDetail }) {
  const t = useText();
  return (
    <EmptyState title={t("No checkpoint yet")}>
      {run.config.kind === "train"
        ? `${t("One is saved after every {every} steps and at the end.", { every: run.config.checkpointing.every })} `
        : ""}
      {t("A cancelled or failed run resumes from its last one.")}
    </EmptyState>
  );
}

function CheckpointsTable({ run, checkpoints }: { run: RunDetail; checkpoints: Checkpoint[] }) {
  const t = useText();
  const series = useSeries(run.id, [OUTCOME_METRIC]);
  const findAccuracy = (step: number) =>
    series.data?.[OUTCOME_METRIC]?.find((p) => p.step === step)?.value ?? null;
  return (
    <div className="relative overflow-x-auto rounded-lg border bg-card">
      <table className="w-full min-w-[720px] text-left whitespace-nowrap">
        <thead className="border-b text-xs text-muted-foreground">
          <tr className="h-9 [&>th]:px-3 [&>th]:font-medium">
            <th scope="col">{t("Step")}</th>
            <TermHead help={<MetricHelp metric={OUTCOME_METRIC} className={HEAD_HELP} />}>
              {t("Held-out accuracy")}
            </TermHead>
            <th scope="col">{t("Saved")}</th>
            <th scope="col">{t("Size")}</th>
            <th scope="col">{t("Attempt")}</th>
            <th scope="col">{t("Id")}</th>
            <th scope="col">
              <span className="sr-only">{t("Actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {checkpoints.map((checkpoint) => (
            <CheckpointRow
              key={checkpoint.id}
              run={run}
              checkpoint={checkpoint}
              accuracy={findAccuracy(checkpoint.step)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

type CheckpointRowProps = { run: RunDetail; checkpoint: Checkpoint; accuracy: number | null };

function CheckpointRow({ run, checkpoint, accuracy }: CheckpointRowProps) {
  const t = useText();
  const { id, step } = checkpoint;
  return (
    <tr className="h-11 border-b last:border-0 [&>td]:px-3" data-checkpoint={id}>
      <td className="font-mono">{step}</td>
      <td className="font-mono">{formatShare(accuracy)}</td>
      <td>{formatDateTime(t, checkpoint.createdAt)}</td>
      <td
        className="font-mono"
        title={checkpoint.files.map((f) => `${f.name} ${formatBytes(f.bytes)}`).join("\n")}
      >
        {formatBytes(checkpoint.bytes)}
      </td>
      <td className="font-mono">{checkpoint.attempt}</td>
      <td>
        <span className="flex items-center font-mono text-xs">
          {formatShortId(id)}
          <CopyButton
            variant="ghost"
            size="icon-sm"
            text={id}
            label={t("Copy the checkpoint's id")}
          />
          <CopyButton
            variant="ghost"
            size="sm"
            text={`npm run s3 -- checkpoint export ${id} --to ./checkpoint-${step}`}
            label={t("Export command")}
            title={t("Writes it as a PEFT or Hugging Face folder")}
          />
        </span>
      </td>
      <td className="space-x-2 text-right">
        <CheckpointActions runId={run.id} id={id} step={step} />
      </td>
    </tr>
  );
}

type CheckpointActionsProps = { runId: string; id: string; step: number };

/** What can be begun with a checkpoint. The form opens with the run's configuration, in which everything can be changed. */
function CheckpointActions({ runId, id, step }: CheckpointActionsProps) {
  const t = useText();
  const branch = `/runs/new?from=${runId}&branch=${id}&step=${step}`;
  return (
    <>
      <Button size="sm" variant="outline" asChild>
        <Link
          href={branch}
          title={t("Goes on with its weights, optimiser, critic and place in the questions")}
        >
          <GitBranch /> {t("Branch from here")}
        </Link>
      </Button>
      <Button size="sm" variant="outline" asChild>
        <Link
          href={`${branch}&state=weights`}
          title={t("Begins with its weights, a fresh optimiser and the first questions")}
        >
          {t("Weights only")}
        </Link>
      </Button>
      <Button size="sm" asChild>
        <Link href={`/runs/new?from=${runId}&checkpoint=${id}&step=${step}`}>
          <FlaskConical /> {t("Predict with this checkpoint")}
        </Link>
      </Button>
    </>
  );
}
