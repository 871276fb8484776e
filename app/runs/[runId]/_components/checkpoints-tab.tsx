"use client";
import { useQuery } from "@tanstack/react-query";
import { FlaskConical, GitBranch } from "lucide-react";
import Link from "next/link";
import { formatBytes, formatDateTime, formatShare, formatShortId } from "@/app/_lib/format";
import { useTRPC, type RunDetail } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { useSeries } from "./use-series";

/** A training run's checkpoints, to export, branch or predict with. */
export function CheckpointsTab({ run }: { run: RunDetail }) {
  const trpc = useTRPC();
  const query = useQuery(trpc.runs.checkpoints.queryOptions({ id: run.id }));
  const series = useSeries(run.id, ["held-out/accuracy"]);
  const findAccuracy = (step: number) =>
    series.data?.["held-out/accuracy"]?.find((p) => p.step === step)?.value ?? null;
  if (query.isPending) return <Skeleton className="h-40" />;
  if (query.isError)
    return <QueryErrorState title="The checkpoints could not be read" query={query} />;
  if (query.data.length === 0)
    return (
      <EmptyState title="No checkpoint yet">
        {run.config.kind === "train"
          ? `One is saved after every ${run.config.checkpointing.every} steps and at the end. `
          : ""}
        A cancelled or failed run resumes from its last one.
      </EmptyState>
    );
  return (
    <>
      <p className="mb-3 text-xs text-muted-foreground">
        <Link href={`/compare?train=${run.id}`} className="text-primary hover:underline">
          Follow one held-out question across the evaluations
        </Link>
      </p>
      <div className="relative overflow-x-auto rounded-lg border bg-card">
        <table className="w-full min-w-[720px] text-left whitespace-nowrap">
          <thead className="border-b text-xs text-muted-foreground">
            <tr className="h-9 [&>th]:px-3 [&>th]:font-medium">
              <th scope="col">Step</th>
              <th scope="col">Held-out accuracy</th>
              <th scope="col">Saved</th>
              <th scope="col">Size</th>
              <th scope="col">Attempt</th>
              <th scope="col">Id</th>
              <th scope="col">
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {query.data.map((c) => (
              <tr
                key={c.id}
                className="h-11 border-b last:border-0 [&>td]:px-3"
                data-checkpoint={c.id}
              >
                <td className="font-mono">{c.step}</td>
                <td className="font-mono">{formatShare(findAccuracy(c.step))}</td>
                <td>{formatDateTime(c.createdAt)}</td>
                <td
                  className="font-mono"
                  title={c.files.map((f) => `${f.name} ${formatBytes(f.bytes)}`).join("\n")}
                >
                  {formatBytes(c.bytes)}
                </td>
                <td className="font-mono">{c.attempt}</td>
                <td>
                  <span className="flex items-center font-mono text-xs">
                    {formatShortId(c.id)}
                    <CopyButton
                      variant="ghost"
                      size="icon-sm"
                      text={c.id}
                      label="Copy the checkpoint's id"
                    />
                    <CopyButton
                      variant="ghost"
                      size="sm"
                      text={`npm run s3 -- checkpoint export ${c.id} --to ./checkpoint-${c.step}`}
                      label="Export command"
                      title="Writes it as a PEFT or Hugging Face folder"
                    />
                  </span>
                </td>
                <td className="space-x-2 text-right">
                  {run.config.kind === "train" ? (
                    <Button size="sm" variant="outline" asChild>
                      <Link href={`/runs/new?from=${run.id}&branch=${c.id}&step=${c.step}`}>
                        <GitBranch /> Branch
                      </Link>
                    </Button>
                  ) : null}
                  <Button size="sm" asChild>
                    <Link href={`/runs/new?from=${run.id}&checkpoint=${c.id}&step=${c.step}`}>
                      <FlaskConical /> Predict with this checkpoint
                    </Link>
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
