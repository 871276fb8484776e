"use client";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatNumber, formatWords, NONE } from "@/app/_lib/format/format";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Card } from "@/app/_ui/card";
import { ScoreMark } from "@/app/_ui/score-mark";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { METHODS } from "@/core/run/methods";
import type { SameQuestionRow } from "@/app/_lib/live/trpc";

/** The same question at other steps and checkpoints, of other runs and methods. */
export function SameQuestion({ detail }: { detail: EpisodeDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.inspector.sameQuestion.queryOptions({ episodeId: detail.id }));
  if (query.isError && !query.data)
    return (
      <QueryErrorState title={t("The question's other episodes could not be read")} query={query} />
    );
  if (!query.data) return <Skeleton className="h-64" />;
  const { rows, isCut } = query.data;
  if (rows.length < 2)
    return (
      <EmptyState title={t("Nowhere else")}>
        {t("No other episode of this question is stored: of no other step, run or method.")}
      </EmptyState>
    );
  const runs = [...new Set(rows.map((row) => row.runId))].map((runId) =>
    rows.filter((row) => row.runId === runId),
  );
  return (
    <div className="space-y-3" data-testid="same-question">
      {runs.map((episodes) => (
        <RunEpisodes
          key={episodes[0]!.runId}
          episodes={episodes}
          current={detail.id}
          question={detail.record.episode.questionId}
        />
      ))}
      {isCut ? (
        <p className="text-xs text-muted-foreground">
          {t("{count} are listed, of each run some; there are more.", { count: rows.length })}
        </p>
      ) : null}
    </div>
  );
}

type RunEpisodesProps = {
  episodes: readonly SameQuestionRow[];
  current: string;
  question: string;
};

function RunEpisodes({ episodes, current, question }: RunEpisodesProps) {
  const t = useText();
  const { runId, runName, method, ofRun } = episodes[0]!;
  return (
    <Card className="overflow-hidden" aria-label={runName}>
      <h2 className="flex flex-wrap items-baseline gap-x-2 border-b px-4 py-2 text-xs">
        <Link href={`/runs/${runId}`} className="font-semibold hover:underline">
          {runName}
        </Link>
        <span className="text-muted-foreground">
          {method === "retrieval" ? t("Retrieval") : t(METHODS[method].title)}
        </span>
        {ofRun > episodes.length ? (
          <Link
            href={`/runs/${runId}?tab=episodes&question=${encodeURIComponent(question)}`}
            className="ml-auto text-primary hover:underline"
          >
            {t("{count} of {total}", { count: episodes.length, total: ofRun })}
          </Link>
        ) : null}
      </h2>
      <ul className="divide-y">
        {episodes.map((row) => (
          <li key={row.id}>
            <Link
              href={`/runs/${row.runId}/episodes/${row.id}`}
              aria-current={row.id === current ? "page" : undefined}
              className={cn(
                "grid grid-cols-[1.25rem_minmax(0,1fr)_minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-1.5 text-xs hover:bg-muted sm:grid-cols-[1.25rem_17rem_minmax(0,1fr)_auto]",
                row.id === current && "bg-primary-soft",
              )}
            >
              <ScoreMark score={row.score} />
              <span className="flex flex-wrap items-center gap-x-1.5">
                {formatWhere(t, row)}
                {row.hasCheckpoint ? <Badge tone="outline">{t("checkpoint")}</Badge> : null}
                {row.id === current ? <Badge tone="primary">{t("this one")}</Badge> : null}
              </span>
              <span className="truncate font-medium">{row.answer ?? NONE}</span>
              <span className="font-mono text-muted-foreground">
                {row.reward === null
                  ? ""
                  : t("reward {reward}", { reward: formatNumber(row.reward) })}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** "step 8, held-out", "step 3, train, sample 2", "predict". */
function formatWhere(t: Text, { step, phase, sampleIndex }: SameQuestionRow): string {
  return [
    step === null ? null : t("step {step}", { step }),
    formatWords(t, phase),
    phase === "train" ? t("sample {number}", { number: sampleIndex + 1 }) : null,
  ]
    .filter((part) => part !== null)
    .join(", ");
}
