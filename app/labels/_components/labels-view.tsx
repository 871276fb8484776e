"use client";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatShortId } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { AgreementTable } from "./agreement-table";
import { Disagreements } from "./disagreements";

/** Where a person labels the answers that judge and span rule disagree on. The address holds the run. */
export function LabelsView() {
  const t = useText();
  const [params] = useQueryParams();
  const run = params.get("run");
  return (
    <>
      <h1 className="text-lg font-semibold">{t("Labels")}</h1>
      <p className="mt-1 max-w-prose text-muted-foreground">
        {t(
          "Answers that the judge and the span rule score differently. What you say of them measures both.",
        )}
      </p>
      <div className="mt-4">{run ? <RunLabels runId={run} /> : <JudgedRuns />}</div>
    </>
  );
}

const writeCode = (text: ReactNode): ReactNode => <code className="font-mono text-xs">{text}</code>;

function JudgedRuns() {
  const t = useText();
  const trpc = useTRPC();
  const runs = useQuery(trpc.scores.judged.queryOptions());
  if (runs.isPending) return <Skeleton className="h-48" />;
  if (runs.isError) return <QueryErrorState title={t("The runs could not be read")} query={runs} />;
  if (runs.data.length === 0)
    return (
      <EmptyState
        title={t("No judge has scored a run yet")}
        action={
          <Button variant="primary" asChild>
            <Link href="/runs/new?preset=atlas-rag">{t("New prediction")}</Link>
          </Button>
        }
      >
        {t.rich(
          "Launch a prediction with the scorer <code>judge</code> or <code>generation-accuracy</code>, or let a judge score stored answers: <code>npm run s3 -- evaluate RUN --scorer judge</code>",
          { code: writeCode },
        )}
      </EmptyState>
    );
  return (
    <Card aria-label={t("Judged runs")} className="p-1.5">
      <ul>
        {runs.data.map((run) => (
          <li key={`${run.runId} ${run.judge}`}>
            <Link
              href={`/labels?run=${run.runId}`}
              className="block rounded-md px-2.5 py-2 hover:bg-muted"
            >
              <span className="block truncate font-medium">{run.name}</span>
              <span className="block text-2xs break-words text-muted-foreground">
                {t(
                  "{questionSet} · {answers, plural, one {# answer} other {# answers}} scored by {judge}",
                  { questionSet: run.questionSet, answers: run.judged, judge: run.judge },
                )}{" "}
                · <span className="font-mono">{formatShortId(run.runId)}</span>
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function RunLabels({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const run = useQuery(trpc.runs.get.queryOptions({ id: runId }));
  const agreement = useQuery(trpc.scores.agreement.queryOptions({ runId }));
  if (run.isPending || agreement.isPending) return <Skeleton className="h-64" />;
  if (run.isError) return <QueryErrorState title={t("The run could not be read")} query={run} />;
  if (agreement.isError)
    return <QueryErrorState title={t("The run's scores could not be read")} query={agreement} />;
  return (
    <div className="space-y-4">
      <p>
        <Link href={`/runs/${runId}`} className="font-medium underline underline-offset-2">
          {run.data.name}
        </Link>{" "}
        ·{" "}
        <Link href="/labels" className="text-muted-foreground underline underline-offset-2">
          {t("another run")}
        </Link>
      </p>
      {agreement.data.length === 0 ? (
        <EmptyState title={t("No judge has scored this run")}>
          {t.rich(
            "Score its answers by a judge, without searching again: <code>npm run s3 -- evaluate {run} --scorer judge</code>",
            { code: writeCode, run: formatShortId(runId) },
          )}
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
