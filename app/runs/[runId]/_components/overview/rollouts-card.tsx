"use client";
import dynamic from "next/dynamic";
import { Link } from "@/app/_ui/link";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime } from "@/app/_lib/format/format";
import type { ExternalRun } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { ScrollRegion } from "@/app/_ui/scroll-region";

const MappingDialog = dynamic(() => import("./mapping-dialog").then((m) => m.MappingDialog));

/** What became of the rollouts that a trainer sent: episodes, and all that is unread with its reason. */
export function RolloutsCard({ external }: { external: ExternalRun }) {
  const t = useText();
  const [isOpen, setOpen] = useState(false);
  const { episodes, issues, waitingTraces, baseline } = external;
  const unread = issues.reduce((sum, { count }) => sum + count, 0);
  return (
    <Card className="mt-5" data-rollouts={episodes}>
      <CardHeader
        title={t("Rollouts")}
        description={t(
          "{episodes, plural, one {# episode} other {# episodes}}; {unread, plural, =0 {nothing is unread} one {# part is unread} other {# parts are unread}}.",
          { episodes, unread },
        )}
      >
        <Button size="sm" onClick={() => setOpen(true)}>
          {t("Where they are read")}
        </Button>
      </CardHeader>
      <div className="space-y-1 px-4 pb-3 text-xs text-muted-foreground">
        {waitingTraces > 0 ? (
          <p>
            {t(
              "{count, plural, one {# trace waits} other {# traces wait}} for the first span, or for the parent of one.",
              { count: waitingTraces },
            )}
          </p>
        ) : null}
        {episodes === 0 ? null : baseline === null ? (
          <p>
            {t(
              "No prediction by naive RAG on these questions and this corpus is there to compare with.",
            )}
          </p>
        ) : (
          <p>
            <Link
              href={`/runs/${baseline.runId}`}
              className="underline decoration-dotted underline-offset-2"
            >
              {t("Compared with this run of naive RAG on {corpus}, scored by {scorer}", {
                corpus: baseline.corpus,
                scorer: baseline.scorer,
              })}
            </Link>
          </p>
        )}
      </div>
      {issues.length === 0 ? null : (
        <ScrollRegion label={t("Unread")} className="max-h-80">
          <table className="w-full text-xs">
            <thead className="text-left whitespace-nowrap text-muted-foreground">
              <tr>
                <th className="px-4 py-1 font-normal">{t("Unread")}</th>
                <th className="px-2 py-1 font-normal">{t("Reason and example")}</th>
                <th className="px-4 py-1 font-normal">{t("Last")}</th>
              </tr>
            </thead>
            <tbody>
              {issues.map(({ format, reason, count, example, lastAt }) => (
                <tr key={`${format} ${reason}`} className="align-top" data-issue={count}>
                  <td className="px-4 py-1 tabular-nums">{count}</td>
                  <td className="px-2 py-1">
                    {format}: <span className="wrap-anywhere">{reason}</span>
                    <div className="font-mono break-all text-muted-foreground">{example}</div>
                  </td>
                  <td className="px-4 py-1 sm:whitespace-nowrap">{formatDateTime(t, lastAt)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      )}
      {isOpen ? <MappingDialog onClose={() => setOpen(false)} /> : null}
    </Card>
  );
}
