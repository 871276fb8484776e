"use client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import Link from "next/link";
import { formatInteger, formatCount } from "@/app/_lib/format";
import { countRuns, STATE_FILTERS } from "@/app/_lib/run-view";
import { useTRPC } from "@/app/_lib/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, SkeletonList } from "@/app/_ui/states";
import { RunCards } from "./run-cards";
import { readRunsFilter } from "./runs-filter";
import { RunsTable } from "./runs-table";
import { RunsToolbar } from "./runs-toolbar";

/** All runs, filtered and sorted by the server; the address holds how. */
export function RunsView() {
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const filter = readRunsFilter(params);
  const { kind, folded, sort } = filter;
  const { text, setText, searched } = useSearchText();
  const { states } = STATE_FILTERS[filter.state];
  const query = useInfiniteQuery(
    trpc.runs.list.infiniteQueryOptions(
      {
        states: states ? [...states] : undefined,
        kinds: kind ? [kind] : undefined,
        text: searched || undefined,
        sort,
        foldSweeps: folded,
        limit: 50,
      },
      { getNextPageParam: (page) => page.nextCursor, placeholderData: keepPreviousData },
    ),
  );
  const rows = query.data?.pages.flatMap((p) => p.rows) ?? [];
  const counts = query.data?.pages[0]?.counts ?? {};
  const total = countRuns("all", counts);
  const filtered = folded || filter.state !== "all" || kind !== null || searched !== "";
  const launch = (
    <Button variant="primary" asChild>
      <Link href="/runs/new">
        <Plus /> New run
      </Link>
    </Button>
  );
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">Runs</h1>
        {launch}
      </header>
      {query.data && total === 0 ? (
        <div className="mt-6">
          <EmptyState title="No run yet" action={launch}>
            A run trains a searcher, or answers a question set with one. The Atlas preset trains a
            135M model on this machine&apos;s CPU; its first points arrive within a minute.
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
          <div className="mt-3">
            {query.isPending ? (
              <SkeletonList count={6} className="h-14 w-full" list="space-y-2" />
            ) : query.isError && rows.length === 0 ? (
              <QueryErrorState title="The runs could not be read" query={query} />
            ) : rows.length === 0 ? (
              <EmptyState
                title="No run matches"
                action={
                  <Button
                    onClick={() => {
                      setText("");
                      setParams({ state: null, kind: null, q: null, sweeps: null });
                    }}
                  >
                    Clear the filter
                  </Button>
                }
              >
                {formatCount(total, "run")} in all.
              </EmptyState>
            ) : (
              <>
                <div className="hidden md:block">
                  <RunsTable
                    rows={rows}
                    folded={folded}
                    sort={sort}
                    onSort={(next) => setParams({ sort: next === "newest" ? null : next })}
                  />
                </div>
                <div className="md:hidden">
                  <RunCards rows={rows} folded={folded} />
                </div>
                <p
                  className="mt-2 flex items-center gap-3 text-xs text-muted-foreground"
                  aria-live="polite"
                >
                  {query.hasNextPage
                    ? `The first ${formatInteger(rows.length)} of more`
                    : filtered
                      ? `${formatCount(rows.length, folded ? "row" : "run")} of ${formatCount(total, "run")}`
                      : formatCount(rows.length, "run")}
                  <ShowMoreButton size="sm" query={query} />
                </p>
              </>
            )}
          </div>
        </>
      )}
    </>
  );
}
