"use client";
import { useQuery } from "@tanstack/react-query";
import { Columns3 } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { ComparisonView } from "@/app/_retrieval/comparison-view";
import { formatInteger, formatNumber, formatShare } from "@/app/_lib/format/format";
import { useTRPC, type RetrieverComparison, type RunDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import type { MetricName } from "@/core/metrics/metric-table";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { Stat, StatStrip } from "./stat";
import { useLatest, useSeries } from "@/app/_lib/live/use-series";

/** How often the figures are read again while rankings come in. */
const REFRESH_MS = 4_000;
const METRICS: readonly MetricName[] = ["retrieval/queries_per_second"];

/** What an evaluate run measured of its retriever. */
export function EvaluateOverview({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const ended = TERMINAL_STATES.has(run.state);
  // The answer holds the run's state: after the end of the run it is read once more.
  const query = useQuery(
    trpc.retrievalEvaluation.compare.queryOptions(
      { runIds: [run.id] },
      {
        refetchInterval: (q) =>
          ended && q.state.data && TERMINAL_STATES.has(q.state.data.runs[0]?.state ?? "queued")
            ? false
            : REFRESH_MS,
      },
    ),
  );
  const series = useSeries(run.id, METRICS);
  const speed = useLatest(series.data, "retrieval/queries_per_second");
  if (query.isError && !query.data)
    return <QueryErrorState title={t("The rankings could not be read")} query={query} />;
  if (!query.data)
    return (
      <div className="space-y-4" aria-busy>
        <Skeleton className="h-20" />
        <Skeleton className="h-28" />
        <Skeleton className="h-64" />
      </div>
    );
  const comparison = query.data;
  const ranked = comparison.runs[0]?.ranked ?? 0;
  const getMean = (key: string) => findMean(comparison, key);
  return (
    <>
      <StatStrip>
        <Stat label={t("Recall @10")} value={formatShare(getMean("recall@10"))} term="recall">
          {t("gold among the first 10")}
        </Stat>
        <Stat
          label={t("Full support @10")}
          value={formatShare(getMean("full-support@10"))}
          term="full-support"
        >
          {t("all gold among the first 10")}
        </Stat>
        <Stat label={t("MRR")} value={formatNumber(getMean("mrr"))} term="mrr">
          {t("within the first {depth}", { depth: comparison.depth })}
        </Stat>
        <Stat label={t("nDCG @10")} value={formatNumber(getMean("ndcg@10"))} term="ndcg">
          {t("binary gains")}
        </Stat>
        <Stat label={t("Questions ranked")} value={formatInteger(ranked)}>
          {t("of {questions} with gold, {questionSet}", {
            questions: formatInteger(comparison.counts.questions - comparison.counts.withoutGold),
            questionSet: comparison.questionSet,
          })}
        </Stat>
        <Stat label={t("Queries per second")} value={formatNumber(speed)}>
          {t("in batches, last batch")}
        </Stat>
      </StatStrip>
      <div className="mt-3 mb-4 flex justify-end">
        <Button size="sm" asChild>
          <Link href={`/retrieval?runs=${run.id}`}>
            <Columns3 /> {t("Compare with other retrievers")}
          </Link>
        </Button>
      </div>
      {ranked === 0 ? (
        <EmptyState title={ended ? t("No question was ranked") : t("No ranking yet")}>
          {ended
            ? t("The logs say why.")
            : t(
                "The figures appear with the first questions; a missing index is built before them.",
              )}
        </EmptyState>
      ) : (
        <ComparisonView comparison={comparison} />
      )}
    </>
  );
}

function findMean({ metrics, overall }: RetrieverComparison, key: string): number | null {
  const index = metrics.findIndex((metric) => metric.key === key);
  return overall[0]?.[index]?.mean ?? null;
}
