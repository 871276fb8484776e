"use client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useMemo } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { markText } from "@/app/_i18n/format-text";
import { formatInteger } from "@/app/_lib/format/format";
import { countRuns } from "@/app/_lib/run-view";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, SkeletonList } from "@/app/_ui/states";
import type { RunShelf, RunSort } from "@/contracts/api/run-list";
import { RunCards } from "./run-cards";
import { FilterChips } from "./filter-chips";
import {
  buildFilterRequest,
  buildListRequest,
  formatSort,
  isFiltered,
  NO_FILTER,
  readRunsFilter,
  type RunsFilter,
} from "./runs-filter";
import { RunsTable } from "./runs-table";
import { RunsToolbar } from "./runs-toolbar";
import { SelectMatching } from "./select-matching";
import { SelectionBar } from "./selection-bar";
import { useSelection } from "./use-selection";

/** What a shelf without any run says. */
const NOTHING: Record<RunShelf, string> = {
  listed: markText("No listed run"),
  archived: markText("No archived run"),
  deleted: markText("No deleted run"),
};
const RUNS_OF = markText(
  "{rows, plural, one {# run} other {# runs}} of {total, plural, one {# run} other {# runs}}",
);
const ROWS_OF = markText(
  "{rows, plural, one {# row} other {# rows}} of {total, plural, one {# run} other {# runs}}",
);

/** The runs that the address asks for, page by page. */
function useRunPages(filter: RunsFilter, searched: string) {
  const trpc = useTRPC();
  return useInfiniteQuery(
    trpc.runs.list.infiniteQueryOptions(buildListRequest(filter, searched), {
      getNextPageParam: (page) => page.nextCursor,
      placeholderData: keepPreviousData,
    }),
  );
}
type RunPages = ReturnType<typeof useRunPages>;

/** All runs, filtered and sorted by the server; the address holds how. */
export function RunsView() {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const filter = readRunsFilter(params);
  const { text, setText, searched } = useSearchText();
  const query = useRunPages(filter, searched);
  const counts = query.data?.pages[0]?.counts ?? {};
  const total = countRuns("all", counts);
  const filtered = isFiltered(filter, searched);
  const clear = () => {
    setText("");
    setParams({ ...NO_FILTER, shelf: null });
  };
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Runs")}</h1>
        <LaunchLink />
      </header>
      {query.data && total === 0 && filter.shelf === "listed" && !filtered ? (
        <div className="mt-6">
          <EmptyState title={t("No run yet")} action={<LaunchLink />}>
            {t(
              "A run trains a searcher, or answers a question set with one. The Atlas preset trains a 135M model on this machine's CPU; its first points arrive within a minute.",
            )}
          </EmptyState>
        </div>
      ) : (
        <>
          <RunsToolbar
            filter={filter}
            counts={query.data ? counts : null}
            text={text}
            setText={setText}
            setParams={setParams}
          />
          <FilterChips filter={filter} setParams={setParams} />
          <div className="mt-3">
            <FoundRuns
              query={query}
              filter={filter}
              searched={searched}
              filtered={filtered}
              total={total}
              clear={clear}
              onSort={(next) => setParams({ sort: formatSort(next) })}
            />
          </div>
        </>
      )}
    </>
  );
}

function LaunchLink() {
  const t = useText();
  return (
    <Button variant="primary" asChild>
      <Link href="/runs/new">
        <Plus /> {t("New run")}
      </Link>
    </Button>
  );
}

interface FoundRunsProps {
  query: RunPages;
  filter: RunsFilter;
  searched: string;
  filtered: boolean;
  /** Runs of the shelf, whatever the filter. */
  total: number;
  /** Takes the filter away. */
  clear: () => void;
  onSort: (sort: RunSort) => void;
}

/** The runs that were found, or why there are none. */
function FoundRuns({ query, filter, searched, filtered, total, clear, onSort }: FoundRunsProps) {
  const t = useText();
  const { folded, sort, columns, shelf } = filter;
  const rows = useMemo(() => query.data?.pages.flatMap((p) => p.rows) ?? [], [query.data]);
  const selection = useSelection(rows, folded);
  if (query.isPending) return <SkeletonList count={6} className="h-14 w-full" list="space-y-2" />;
  if (query.isError && rows.length === 0)
    return <QueryErrorState title={t("The runs could not be read")} query={query} />;
  if (rows.length === 0)
    return (
      <EmptyState
        title={filtered ? t("No run matches") : t(NOTHING[shelf])}
        action={
          <Button onClick={clear}>
            {filtered ? t("Clear the filter") : t("Show those in use")}
          </Button>
        }
      >
        {t("{total, plural, one {# run} other {# runs}} in all.", { total })}
      </EmptyState>
    );
  const shown = { rows, folded, selection };
  return (
    <>
      <div className="hidden md:block">
        <RunsTable {...shown} columns={columns} sort={sort} onSort={onSort} />
      </div>
      <div className="md:hidden">
        <RunCards {...shown} />
      </div>
      <p className="mt-2 flex items-center gap-3 text-xs text-muted-foreground" aria-live="polite">
        {query.hasNextPage
          ? t("The first {rows} of more", { rows: formatInteger(rows.length) })
          : filtered
            ? t(folded ? ROWS_OF : RUNS_OF, { rows: rows.length, total })
            : t("{rows, plural, one {# run} other {# runs}}", { rows: rows.length })}
        <ShowMoreButton size="sm" query={query} />
      </p>
      {selection.ids.size > 0 ? (
        <SelectionBar ids={[...selection.ids]} shelf={shelf} clear={selection.clear}>
          {query.hasNextPage && rows.every(selection.isChosen) ? (
            <SelectMatching request={buildFilterRequest(filter, searched)} selection={selection} />
          ) : null}
        </SelectionBar>
      ) : null}
    </>
  );
}
