"use client";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Grid3x3, Plus } from "lucide-react";
import Link from "next/link";
import { useDeferredValue, useEffect, useState } from "react";
import { cn } from "@/app/_lib/cn";
import { formatInteger, formatCount } from "@/app/_lib/format";
import { countRuns, isStateFilter, STATE_FILTERS, type StateFilter } from "@/app/_lib/run-view";
import { useTRPC } from "@/app/_lib/trpc";
import { useQueryParams } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { runKindSchema } from "@/contracts/records/run-state";
import { RunCards } from "./run-cards";
import { RunsTable, isRunSort, type RunSort } from "./runs-table";

const FILTERS = Object.keys(STATE_FILTERS) as StateFilter[];

export function RunsView() {
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const rawFilter = params.get("state");
  const filter: StateFilter = isStateFilter(rawFilter) ? rawFilter : "all";
  const kind = runKindSchema.safeParse(params.get("kind")).data ?? null;
  const folded = params.get("sweeps") === "folded";
  const rawSort = params.get("sort");
  const sort: RunSort = isRunSort(rawSort) ? rawSort : "newest";
  const [text, setText] = useState(params.get("q") ?? "");
  const deferredText = useDeferredValue(text.trim());
  useEffect(() => {
    const wait = setTimeout(() => {
      if ((new URLSearchParams(window.location.search).get("q") ?? "") !== deferredText)
        setParams({ q: deferredText || null });
    }, 250);
    return () => clearTimeout(wait);
  }, [deferredText, setParams]);

  const states = STATE_FILTERS[filter].states;
  const query = useInfiniteQuery(
    trpc.runs.list.infiniteQueryOptions(
      {
        states: states ? [...states] : undefined,
        kinds: kind ? [kind] : undefined,
        text: params.get("q") || undefined,
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
  const filtered = folded || filter !== "all" || kind !== null || (params.get("q") ?? "") !== "";

  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">Runs</h1>
        <Button variant="primary" asChild>
          <Link href="/runs/new">
            <Plus /> New run
          </Link>
        </Button>
      </header>
      {query.data && total === 0 ? (
        <div className="mt-6">
          <EmptyState
            title="No run yet"
            action={
              <Button variant="primary" asChild>
                <Link href="/runs/new">
                  <Plus /> New run
                </Link>
              </Button>
            }
          >
            A run trains a searcher, or answers a question set with one. The Atlas preset trains a
            135M model on this machine&apos;s CPU; its first points arrive within a minute.
          </EmptyState>
        </div>
      ) : (
        <>
          <div className="mt-4 flex flex-wrap items-center gap-2">
            <div
              role="group"
              aria-label="State"
              className="relative flex max-w-full overflow-x-auto rounded-md border border-input bg-card p-0.5"
            >
              {FILTERS.map((f) => (
                <button
                  key={f}
                  type="button"
                  aria-pressed={f === filter}
                  onClick={() => setParams({ state: f === "all" ? null : f })}
                  className={cn(
                    "h-6.5 rounded px-2.5 text-xs font-medium whitespace-nowrap text-muted-foreground hover:text-foreground",
                    f === filter && "bg-muted text-foreground",
                  )}
                >
                  {STATE_FILTERS[f].label}{" "}
                  <span className="ml-0.5 font-normal text-muted-foreground">
                    {query.data ? formatInteger(countRuns(f, counts)) : ""}
                  </span>
                </button>
              ))}
            </div>
            <Select
              aria-label="Kind"
              className="w-auto"
              value={kind ?? ""}
              onChange={(e) => setParams({ kind: e.target.value || null })}
            >
              <option value="">Every kind</option>
              {runKindSchema.options.map((k) => (
                <option key={k} value={k}>
                  {k}
                </option>
              ))}
            </Select>
            <Button
              size="sm"
              aria-pressed={folded}
              className={cn("h-8", folded && "bg-muted")}
              onClick={() => setParams({ sweeps: folded ? null : "folded" })}
            >
              <Grid3x3 /> Fold sweeps
            </Button>
            <Select
              aria-label="Sort"
              className="w-auto md:hidden"
              value={sort}
              onChange={(e) => setParams({ sort: e.target.value })}
            >
              <option value="newest">Newest first</option>
              <option value="oldest">Oldest first</option>
              <option value="name">Name</option>
              <option value="reward">Highest result</option>
              <option value="duration">Longest</option>
            </Select>
            <SearchInput
              label="Search by name or id"
              placeholder="Name or id"
              value={text}
              onText={setText}
            />
          </div>
          <div className="mt-3">
            {query.isPending ? (
              <div className="space-y-2" aria-busy>
                {Array.from({ length: 6 }, (_, i) => (
                  <Skeleton key={i} className="h-14 w-full" />
                ))}
              </div>
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
