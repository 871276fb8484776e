"use client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { BarChart3 } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import { buildPlaygroundHref } from "@/app/_lib/playground-link";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useSearchText } from "@/app/_lib/hooks/use-params";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { SearchInput } from "@/app/_ui/search-input";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";

/** The questions of a set, to be looked through. */
export function SetPreview({ set, withGold }: { set: string; withGold: number }) {
  const t = useText();
  const trpc = useTRPC();
  const { text, setText, searched } = useSearchText();
  const query = useInfiniteQuery(
    trpc.catalogue.questions.infiniteQueryOptions(
      { set, text: searched || undefined, limit: 50 },
      { getNextPageParam: (page) => page.nextCursor, placeholderData: keepPreviousData },
    ),
  );
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const total = query.data?.pages[0]?.total ?? 0;
  return (
    <Card aria-label={set} className="min-w-0">
      <div className="flex flex-wrap items-center gap-2 border-b px-4 py-2.5">
        <h2 className="min-w-0 truncate font-semibold">{set}</h2>
        <span className="text-xs text-muted-foreground" aria-live="polite">
          {query.data
            ? t("{count, plural, one {# question} other {# questions}}", { count: total })
            : ""}
        </span>
        <SearchInput
          label={t("Search questions and answers")}
          placeholder={t("Question or answer")}
          className="ml-auto w-full sm:w-60"
          value={text}
          onText={setText}
        />
        {withGold > 0 ? (
          <Button asChild>
            <Link href={`/runs/new?preset=atlas-retrieval&questions=${encodeURIComponent(set)}`}>
              <BarChart3 /> {t("Measure a retriever")}
            </Link>
          </Button>
        ) : null}
      </div>
      {query.isPending ? (
        <div className="space-y-2 p-4" aria-busy>
          {Array.from({ length: 8 }, (_, i) => (
            <Skeleton key={i} className="h-10" />
          ))}
        </div>
      ) : query.isError ? (
        <QueryErrorState
          className="m-4"
          title={t("The questions could not be read")}
          query={query}
        />
      ) : rows.length === 0 ? (
        <div className="p-4">
          <EmptyState
            title={t("No question matches")}
            action={<Button onClick={() => setText("")}>{t("Clear the search")}</Button>}
          />
        </div>
      ) : (
        <>
          <ol>
            {rows.map((row) => (
              <li key={row.id} className="border-b px-4 py-2 last:border-0" data-question={row.id}>
                <div className="flex items-start justify-between gap-3">
                  <p className="min-w-0 font-medium break-words">{row.question}</p>
                  <Link
                    href={buildPlaygroundHref({ query: row.question })}
                    className="shrink-0 text-xs font-medium text-primary hover:underline"
                  >
                    {t("Playground")}
                  </Link>
                </div>
                <p className="mt-0.5 text-xs break-words">
                  <span className="text-muted-foreground">{t("answers")} </span>
                  {row.answers.join(" | ")}
                </p>
                <p className="mt-1 flex flex-wrap items-center gap-1 text-2xs text-muted-foreground">
                  <span className="font-mono">{row.id}</span>
                  {row.type ? <Badge>{row.type}</Badge> : null}
                  {row.group ? <Badge tone="outline">{row.group}</Badge> : null}
                  {row.goldIds.length > 0 ? (
                    <span className="min-w-0 font-mono break-all">
                      {t("gold {ids}", { ids: row.goldIds.join(", ") })}
                    </span>
                  ) : (
                    <Badge tone="warn">{t("no gold documents")}</Badge>
                  )}
                </p>
              </li>
            ))}
          </ol>
          {query.hasNextPage ? (
            <div className="border-t p-3">
              <ShowMoreButton query={query}>
                {t("Show more ({shown} of {total})", {
                  shown: formatInteger(rows.length),
                  total: formatInteger(total),
                })}
              </ShowMoreButton>
            </div>
          ) : null}
        </>
      )}
    </Card>
  );
}
