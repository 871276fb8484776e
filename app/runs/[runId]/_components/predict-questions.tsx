"use client";
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { formatInteger } from "@/app/_lib/format";
import { useTRPC } from "@/app/_lib/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { ErrorState, QueryErrorState } from "@/app/_ui/states";

/** Questions that failed, with the reasons, and a link to the answers that judge and rule disagree on. */
export function PredictQuestions({ runId }: { runId: string }) {
  const trpc = useTRPC();
  const summary = useQuery(trpc.scores.summary.queryOptions({ runId }));
  const hasFailures = (summary.data?.failed ?? 0) > 0;
  const failures = useQuery({
    ...trpc.scores.failures.queryOptions({ runId }),
    enabled: hasFailures,
  });
  if (summary.isError)
    return <QueryErrorState title="The scores could not be read" query={summary} />;
  if (!summary.data) return null;
  const { missing, failed, scorers } = summary.data;
  const isJudged = scorers.some(({ scorer }) => /judge|generation-accuracy/.test(scorer));
  return (
    <>
      {isJudged ? (
        <p className="mt-3 text-xs text-muted-foreground">
          A judge has scored this run:{" "}
          <Link href={`/labels?run=${runId}`} className="text-primary hover:underline">
            see where it disagrees with the rule, and label
          </Link>
          .
        </p>
      ) : null}
      {hasFailures ? (
        <Card className="mt-3" data-testid="failures">
          <CardHeader
            title={`${formatInteger(failed)} questions failed`}
            description={`They count as missing (${formatInteger(missing)} in all), never as wrong. Resuming the run tries them alone.`}
          />
          <ErrorState
            className="m-3"
            title="The failures could not be read"
            error={failures.error}
          />
          <ul className="mt-2 max-h-80 divide-y overflow-y-auto border-t">
            {failures.data?.map((failure) => (
              <li key={failure.questionId} className="px-4 py-2">
                <p>{failure.question}</p>
                <p className="text-xs break-words text-bad">
                  {failure.reason}{" "}
                  <span className="text-muted-foreground">
                    ({failure.code}, tried {failure.tries} times)
                  </span>
                </p>
              </li>
            ))}
          </ul>
        </Card>
      ) : null}
    </>
  );
}
