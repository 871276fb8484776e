import { useText } from "@/app/_i18n/text-provider";
import type { EpisodeDetail } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { formatNumber } from "@/app/_lib/format/format";
import { listMetricsWithin, rankGold } from "@/core/metrics/ranking-metrics";
import { explainMetric, formatMetricLabel } from "@/app/_retrieval/metric-label";

/** The outcome of a ranking: the ranks of the gold documents, and this question's metrics. */
export function RankingOutcome({ detail }: { detail: EpisodeDetail }) {
  const t = useText();
  const { record, question, gold } = detail;
  const step = record.episode.steps.find((s) => s.kind === "retrieve");
  const ranking = step?.documents.map((document) => document.id) ?? [];
  // A ranking that ends early is known down to its last document only.
  const result = rankGold(ranking, question.goldIds, Math.max(ranking.length, 1));
  const titles = new Map(gold.map(({ id, document }) => [id, document?.title ?? id]));
  return (
    <Card className="divide-y lg:sticky lg:top-5" aria-label={t("Outcome")}>
      <section className="px-4 py-3">
        <h2 className="mb-1.5 text-xs font-semibold text-muted-foreground">
          {t("Gold documents ({count})", { count: result.gold })}
        </h2>
        <ul className="space-y-1">
          {[...new Set(question.goldIds)].map((id) => {
            const rank = ranking.indexOf(id) + 1;
            return (
              <li key={id} className="flex items-baseline justify-between gap-2">
                <span className="min-w-0 break-words">{titles.get(id) ?? id}</span>
                <span
                  className={rank > 0 ? "shrink-0 text-xs text-good" : "shrink-0 text-xs text-warn"}
                >
                  {rank > 0
                    ? t("rank {rank}", { rank })
                    : t("not among the first {depth}", { depth: ranking.length })}
                </span>
              </li>
            );
          })}
        </ul>
      </section>
      <section className="px-4 py-3">
        <h2 className="mb-1.5 text-xs font-semibold text-muted-foreground">{t("This question")}</h2>
        <dl className="grid grid-cols-[1fr_auto] gap-x-3 gap-y-0.5 text-xs">
          {listMetricsWithin(result.depth).map((metric) => (
            <div key={metric.key} className="contents">
              <dt className="text-muted-foreground" title={explainMetric(t, metric)}>
                {formatMetricLabel(t, metric.key)}
              </dt>
              <dd className="text-right font-mono">{formatNumber(metric.compute(result))}</dd>
            </div>
          ))}
        </dl>
        <p className="mt-2 text-xs text-muted-foreground">
          {t(
            "{count, plural, one {# document} other {# documents}} ranked with the question itself; nothing was answered.",
            { count: ranking.length },
          )}
        </p>
      </section>
    </Card>
  );
}
