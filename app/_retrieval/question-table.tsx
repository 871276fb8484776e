"use client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import { useTRPC, type RetrieverComparison } from "@/app/_lib/live/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, SkeletonList } from "@/app/_ui/states";
import { listCutoffs, listFilters, readFilter } from "./question-filter";
import { RankTable } from "./rank-table";

/**
 * Question by question where each retriever ranked the gold documents; each row leads to its episodes and to the
 * playground.
 */
export function QuestionTable({ comparison }: { comparison: RetrieverComparison }) {
  const t = useText();
  const trpc = useTRPC();
  const { runs, depth, slices } = comparison;
  const [params, setParams] = useQueryParams();
  const rawK = Number(params.get("at"));
  const cutoffs = listCutoffs(depth);
  const k = cutoffs.includes(rawK) ? rawK : Math.min(10, depth);
  const filter = params.get("show") ?? "";
  const type = params.get("type") ?? "";
  const { text, setText, searched } = useSearchText();
  const query = useInfiniteQuery(
    trpc.retrievalEvaluation.questions.infiniteQueryOptions(
      {
        runIds: runs.map((run) => run.id),
        k,
        ...readFilter(filter, runs),
        type: type || undefined,
        text: searched || undefined,
        limit: 50,
      },
      { getNextPageParam: (page) => page.nextCursor, placeholderData: keepPreviousData },
    ),
  );
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const total = query.data?.pages[0]?.total ?? 0;
  const types = slices.filter((slice) => slice.by === "type").map((slice) => slice.value);
  const filtered = filter !== "" || type !== "" || searched !== "";
  return (
    <section aria-label={t("Questions")}>
      <div className="flex flex-wrap items-center gap-2">
        <Select
          aria-label={t("Which questions")}
          className="w-auto max-w-full"
          value={filter}
          onChange={(e) => setParams({ show: e.target.value || null })}
          options={listFilters(t, runs).map(({ value, label }) => ({ value, text: label }))}
        />
        <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
          {t("found: all gold among the first")}
          <Select
            aria-label={t("Found among the first")}
            className="w-auto"
            value={k}
            onChange={(e) => setParams({ at: e.target.value })}
            options={cutoffs}
          />
        </label>
        {types.length > 0 ? (
          <Select
            aria-label={t("Type")}
            className="w-auto"
            value={type}
            onChange={(e) => setParams({ type: e.target.value || null })}
            options={[{ value: "", text: t("Every type") }, ...types]}
          />
        ) : null}
        <SearchInput
          label={t("Search questions")}
          placeholder={t("Question")}
          value={text}
          onText={setText}
        />
        <span className="text-xs text-muted-foreground" aria-live="polite">
          {query.data
            ? t("{count, plural, one {# question} other {# questions}}", { count: total })
            : ""}
        </span>
      </div>
      <div className="mt-3">
        {query.isPending ? (
          <SkeletonList count={8} className="h-11" list="space-y-1.5" />
        ) : query.isError ? (
          <QueryErrorState title={t("The questions could not be read")} query={query} />
        ) : rows.length === 0 ? (
          <EmptyState
            title={filtered ? t("No question matches") : t("No question is ranked yet")}
            action={
              filtered ? (
                <Button
                  onClick={() => {
                    setText("");
                    setParams({ show: null, type: null, q: null });
                  }}
                >
                  {t("Clear the filter")}
                </Button>
              ) : null
            }
          >
            {filtered ? null : t("They appear here as they are ranked.")}
          </EmptyState>
        ) : (
          <>
            <RankTable comparison={comparison} rows={rows} k={k} />
            <ShowMoreButton className="mt-3" query={query}>
              {t("Show more ({shown} of {total})", {
                shown: formatInteger(rows.length),
                total: formatInteger(total),
              })}
            </ShowMoreButton>
          </>
        )}
      </div>
    </section>
  );
}
