"use client";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import {
  buildEpisodesRequest,
  FILTER_PARAMS,
  keepFilter,
  parseEpisodeFilter,
} from "@/app/_episode/episode-filter";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatWords } from "@/app/_lib/format/format";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { deferPart } from "@/app/_ui/optional-part";
import { EmptyState, QueryErrorState, Skeleton, SkeletonList } from "@/app/_ui/states";
import { ViewsMenu } from "@/app/runs/_components/views-menu";
import { EPISODE_MEASURES } from "@/contracts/api/episode-list-values";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { EpisodesTable } from "./episodes-table";
import { FilterBar } from "./filter-bar";
import { RangeChips } from "./range-fields";
import { SortSelect } from "./sort-select";
import { useListKeys } from "./use-list-keys";

const EpisodesHistogram = deferPart(
  () => import("./episodes-histogram").then((m) => m.EpisodesHistogram),
  () => <Skeleton className="h-29" />,
);

const CLEARED = Object.fromEntries(FILTER_PARAMS.map((name) => [name, null]));

/** The run's episodes: filtered, sorted, counted and searched by the server; the address holds all of it. */
export function EpisodesTab({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const { text, setText } = useSearchText();
  const filter = parseEpisodeFilter(params);
  const { sort: _sort, sortDirection: _sortDirection, ...selection } = filter;
  const facets = useQuery(trpc.episodes.facets.queryOptions({ runId: run.id }));
  const measures = facets.data?.measures ?? [];
  const measure =
    EPISODE_MEASURES.find((one) => one === params.get("bars")) ??
    (["reward", "score", "searches"] as const).find((one) => measures.includes(one));
  const summary = useQuery(
    trpc.episodes.summary.queryOptions(
      { runId: run.id, ...selection, measure },
      { placeholderData: keepPreviousData },
    ),
  );
  const query = useInfiniteQuery(
    trpc.episodes.list.infiniteQueryOptions(buildEpisodesRequest(run.id, filter), {
      getNextPageParam: (page) => page.nextCursor,
      placeholderData: keepPreviousData,
    }),
  );
  useListKeys();
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const readMore = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.rows) ?? [], [query.data]);
  const isFiltered = keepFilter(params) !== "";
  const clear = () => {
    setText("");
    setParams(CLEARED);
  };
  const total = summary.data?.total;
  return (
    <>
      <FilterBar
        facets={facets.data}
        filter={filter}
        params={params}
        setParams={setParams}
        text={text}
        setText={setText}
      />
      <div className="my-3 space-y-2">
        {summary.data && measure && summary.data.measure === measure ? (
          <EpisodesHistogram {...summary.data} measure={measure} />
        ) : query.isPending || summary.isPending || (measure && summary.isPlaceholderData) ? (
          <Skeleton className="h-29" />
        ) : null}
        <div className="flex flex-wrap items-center gap-2 text-xs text-muted-foreground">
          <span aria-live="polite" data-episode-count>
            {total === undefined
              ? t("Counting…")
              : formatTotal(t, total, summary.data?.isEstimate ?? false)}
          </span>
          <RangeChips params={params} setParams={setParams} />
          {isFiltered ? (
            <Button size="sm" variant="ghost" className="h-6" onClick={clear}>
              {t("Clear the filter")}
            </Button>
          ) : null}
          <span className="ml-auto flex flex-wrap items-center gap-2">
            <SortSelect filter={filter} setParams={setParams} />
            {measure ? (
              <Select
                aria-label={t("What the bars show")}
                className="h-7 w-auto text-xs"
                value={measure}
                onChange={(e) => setParams({ bars: e.target.value })}
                options={measures.map((one) => ({
                  value: one,
                  text: t("Bars: {measure}", { measure: formatWords(t, one) }),
                }))}
              />
            ) : null}
            <ViewsMenu
              kind="episodes"
              names={FILTER_PARAMS}
              onOpenView={(view) => {
                setText(view.get("q") ?? "");
                setParams({ ...CLEARED, ...Object.fromEntries(view) });
              }}
            />
          </span>
        </div>
      </div>
      {query.isPending ? (
        <SkeletonList count={10} className="h-12" list="space-y-px" />
      ) : query.isError && rows.length === 0 ? (
        <QueryErrorState title={t("The episodes could not be read")} query={query} />
      ) : rows.length === 0 ? (
        <NoEpisodes isFiltered={isFiltered} hasEnded={TERMINAL_STATES.has(run.state)} />
      ) : (
        <div aria-busy={query.isPlaceholderData}>
          <EpisodesTable runId={run.id} rows={rows} filter={filter} onNearEnd={readMore} />
        </div>
      )}
    </>
  );
}

const formatTotal = (t: Text, count: number, isEstimate: boolean): string =>
  isEstimate
    ? t("about {count, plural, one {# episode} other {# episodes}}", { count })
    : t("{count, plural, one {# episode} other {# episodes}}", { count });

function NoEpisodes({ isFiltered, hasEnded }: { isFiltered: boolean; hasEnded: boolean }) {
  const t = useText();
  if (isFiltered) return <EmptyState title={t("No episode matches")}>{null}</EmptyState>;
  return (
    <EmptyState title={hasEnded ? t("This run has no episodes") : t("No episode yet")}>
      {hasEnded
        ? t("It ended before the first one; the logs say why.")
        : t("Episodes appear here as they are sampled and answered.")}
    </EmptyState>
  );
}
