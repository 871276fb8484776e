"use client";
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { formatCount, formatShortId } from "@/app/_lib/format";
import { useTRPC } from "@/app/_lib/trpc";
import { useQueryParams } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { AgreementTable } from "./agreement-table";
import { Disagreements } from "./disagreements";

/** Where a person labels the answers that judge and span rule disagree on. The address holds the run. */
export function LabelsView() {
  const [params] = useQueryParams();
  const run = params.get("run");
  return (
    <>
      <h1 className="text-lg font-semibold">Labels</h1>
      <p className="mt-1 max-w-prose text-muted-foreground">
        Answers that the judge and the span rule score differently. What you say of them measures
        both.
      </p>
      <div className="mt-4">{run ? <RunLabels runId={run} /> : <JudgedRuns />}</div>
    </>
  );
}

function JudgedRuns() {
  const trpc = useTRPC();
  const runs = useQuery(trpc.scores.judged.queryOptions());
  if (runs.isPending) return <Skeleton className="h-48" />;
  if (runs.isError) return <QueryErrorState title="The runs could not be read" query={runs} />;
  if (runs.data.length === 0)
    return (
      <EmptyState
        title="No judge has scored a run yet"
        action={
          <Button variant="primary" asChild>
            <Link href="/runs/new?preset=atlas-rag">New prediction</Link>
          </Button>
        }
      >
        Launch a prediction with the scorer <code className="font-mono text-xs">judge</code> or{" "}
        <code className="font-mono text-xs">generation-accuracy</code>, or let a judge score stored
        answers:{" "}
        <code className="font-mono text-xs">npm run s3 -- evaluate RUN --scorer judge</code>
      </EmptyState>
    );
  return (
    <Card aria-label="Judged runs" className="p-1.5">
      <ul>
        {runs.data.map((run) => (
          <li key={`${run.runId} ${run.judge}`}>
            <Link
              href={`/labels?run=${run.runId}`}
              className="block rounded-md px-2.5 py-2 hover:bg-muted"
            >
              <span className="block truncate font-medium">{run.name}</span>
              <span className="block text-2xs break-words text-muted-foreground">
                {run.questionSet} · {formatCount(run.judged, "answer")} scored by {run.judge} ·{" "}
                <span className="font-mono">{formatShortId(run.runId)}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function RunLabels({ runId }: { runId: string }) {
  const trpc = useTRPC();
  const run = useQuery(trpc.runs.get.queryOptions({ id: runId }));
  const agreement = useQuery(trpc.scores.agreement.queryOptions({ runId }));
  if (run.isPending || agreement.isPending) return <Skeleton className="h-64" />;
  if (run.isError) return <QueryErrorState title="The run could not be read" query={run} />;
  if (agreement.isError)
    return <QueryErrorState title="The run's scores could not be read" query={agreement} />;
  return (
    <div className="space-y-4">
      <p>
        <Link href={`/runs/${runId}`} className="font-medium underline underline-offset-2">
          {run.data.name}
        </Link>{" "}
        ·{" "}
        <Link href="/labels" className="text-muted-foreground underline underline-offset-2">
          another run
        </Link>
      </p>
      {agreement.data.length === 0 ? (
        <EmptyState title="No judge has scored this run">
          Score its answers by a judge, without searching again:{" "}
          <code className="font-mono text-xs">
            npm run s3 -- evaluate {runId.slice(0, 8)} --scorer judge
          </code>
        </EmptyState>
      ) : (
        <>
          <AgreementTable rows={agreement.data} />
          <Disagreements runId={runId} />
        </>
      )}
    </div>
  );
}
