"use client";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { ErrorState, QueryErrorState } from "@/app/_ui/states";

/** Questions that failed, with the reasons, and a link to the answers that judge and rule disagree on. */
export function PredictQuestions({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const summary = useQuery(trpc.scores.summary.queryOptions({ runId }));
  const hasFailures = (summary.data?.failed ?? 0) > 0;
  const failures = useQuery({
    ...trpc.scores.failures.queryOptions({ runId }),
    enabled: hasFailures,
  });
  if (summary.isError)
    return <QueryErrorState title={t("The scores could not be read")} query={summary} />;
  if (!summary.data) return null;
  const { missing, failed, scorers, unread } = summary.data;
  const isJudged = scorers.some(({ scorer }) => scorer.startsWith("judge/"));
  return (
    <>
      {isJudged ? (
        <p className="mt-3 text-xs text-muted-foreground">
          {t.rich(
            "A judge has scored this run: <link>see where it disagrees with the rule, and label</link>.",
            {
              link: (text) => (
                <Link href={`/labels?run=${runId}`} className="text-primary hover:underline">
                  {text}
                </Link>
              ),
            },
          )}
        </p>
      ) : null}
      {unread.map((counts) => (
        <UnreadReplies key={counts.scorer} runId={runId} {...counts} />
      ))}
      {hasFailures ? (
        <Card className="mt-3" data-testid="failures">
          <CardHeader
            title={t("{failed} questions failed", { failed: formatInteger(failed) })}
            description={t(
              "They count as missing ({missing} in all), never as wrong. Resuming the run tries them alone.",
              { missing: formatInteger(missing) },
            )}
          />
          <ErrorState
            className="m-3"
            title={t("The failures could not be read")}
            error={failures.error}
          />
          <ul className="mt-2 max-h-80 divide-y overflow-y-auto border-t">
            {failures.data?.map((failure) => (
              <li key={failure.questionId} className="px-4 py-2">
                <p>{failure.question}</p>
                <p className="text-xs break-words text-bad">
                  {t.message(failure.reason)}{" "}
                  <span className="text-muted-foreground">
                    {t("({code}, tried {tries} times)", {
                      code: failure.code,
                      tries: failure.tries,
                    })}
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

type UnreadRepliesProps = { runId: string; scorer: string; replies: number; unread: number };

/** The share of a judge's replies that said neither yes nor no and count as no, with the answers that they were about. */
function UnreadReplies({ runId, scorer, replies, unread }: UnreadRepliesProps) {
  const t = useText();
  const trpc = useTRPC();
  const listed = useQuery({
    ...trpc.scores.unread.queryOptions({ runId }),
    enabled: unread > 0,
  });
  return (
    <div className="mt-3 text-xs text-muted-foreground" data-testid="unread-replies">
      <p>
        {t(
          "{scorer}: of {count, plural, one {# reply} other {# replies}} of the judge {unread} ({share}) said neither yes nor no and count as no.",
          {
            scorer,
            count: replies,
            unread: formatInteger(unread),
            share: formatShare(unread / replies),
          },
        )}
      </p>
      <ErrorState title={t("The replies could not be read")} error={listed.error} />
      {unread > 0 ? (
        <ul className="mt-1 max-h-40 divide-y overflow-y-auto rounded border">
          {listed.data
            ?.filter((reply) => reply.scorer === scorer)
            .map(({ questionId, question, answer }) => (
              <li key={questionId} className="px-4 py-2">
                <p className="text-foreground">{question}</p>
                <p className="break-words">{answer}</p>
              </li>
            ))}
        </ul>
      ) : null}
    </div>
  );
}
