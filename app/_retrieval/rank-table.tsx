import { Check, X } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { buildPlaygroundHref } from "@/app/_lib/playground-link";
import { formatRetriever } from "@/app/_lib/config/retriever";
import type { RetrieverComparison, RankedQuestion } from "@/app/_lib/live/trpc";
import { getRunColour } from "./metric-label";
import { formatRanks } from "./question-filter";

interface RankTableProps {
  comparison: RetrieverComparison;
  rows: readonly RankedQuestion[];
  k: number;
}

/**
 * The ranks at which each retriever found a question's gold documents; they lead to its episode and to the playground.
 */
export function RankTable({ comparison: { runs, corpus }, rows, k }: RankTableProps) {
  const t = useText();
  return (
    <div className="relative overflow-x-auto rounded-lg border bg-card">
      <table className="w-full text-left" style={{ minWidth: `${22 + runs.length * 9}rem` }}>
        <thead className="border-b text-xs text-muted-foreground">
          <tr>
            <th scope="col" className="h-9 px-3 font-medium">
              {t("Question")}
            </th>
            {runs.map((run, i) => (
              <th key={run.id} scope="col" className="w-36 px-3 font-medium">
                <span
                  className="flex items-center gap-1.5"
                  title={formatRetriever(t, run.retriever)}
                >
                  <span
                    aria-hidden
                    className="size-2 shrink-0 rounded-xs"
                    style={{ background: getRunColour(i) }}
                  />
                  <span className="truncate">
                    {runs.length === 1 ? t("Ranks of gold") : formatRetriever(t, run.retriever)}
                  </span>
                </span>
              </th>
            ))}
            <th scope="col" className="w-28 px-3 font-medium">
              <span className="sr-only">{t("Playground")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={row.questionId}
              className="border-b last:border-0 hover:bg-muted/50"
              data-question={row.questionId}
            >
              <td className="px-3 py-1.5">
                <span className="line-clamp-2">{row.question}</span>
                <span className="text-2xs text-muted-foreground">
                  {[
                    row.type,
                    t("{count, plural, one {# gold document} other {# gold documents}}", {
                      count: row.hops,
                    }),
                  ]
                    .filter(Boolean)
                    .join(" · ")}
                </span>
              </td>
              {row.runs.map((ranked, i) => (
                <td key={runs[i]?.id} className="px-3 py-1.5 align-top" data-found={ranked.found}>
                  <Link
                    href={`/runs/${runs[i]?.id}/episodes/${ranked.episodeId}`}
                    className="flex items-center gap-1.5 hover:underline"
                    title={
                      ranked.found
                        ? t("All gold documents are among the first {k}", { k })
                        : t("Not all gold documents are among the first {k}", { k })
                    }
                  >
                    {ranked.found ? (
                      <Check className="size-3.5 shrink-0 text-good" aria-label={t("found")} />
                    ) : (
                      <X className="size-3.5 shrink-0 text-bad" aria-label={t("not found")} />
                    )}
                    <span className="font-mono text-xs">{formatRanks(ranked.ranks, row.hops)}</span>
                  </Link>
                </td>
              ))}
              <td className="px-3 py-1.5 text-right align-top">
                <Link
                  className="text-xs font-medium whitespace-nowrap text-primary hover:underline"
                  href={buildPlaygroundHref({
                    corpus,
                    query: row.question,
                    retrievers: runs.slice(0, 4).map((run) => run.retriever),
                    episode: row.runs[0]?.episodeId ?? null,
                  })}
                >
                  {t("Playground")}
                </Link>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
