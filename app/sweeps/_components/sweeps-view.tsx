"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import Link from "next/link";
import { formatAgo, formatDateTime, formatCount } from "@/app/_lib/format";
import { useTRPC, type SweepRow } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { Button } from "@/app/_ui/button";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, SkeletonList } from "@/app/_ui/states";
import { StateCounts } from "@/app/_ui/state-counts";

/** All sweeps, newest first. */
export function SweepsView() {
  const trpc = useTRPC();
  const query = useInfiniteQuery(
    trpc.sweeps.list.infiniteQueryOptions(
      { limit: 50 },
      { getNextPageParam: (page) => page.nextCursor },
    ),
  );
  const rows = query.data?.pages.flatMap((page) => page.rows) ?? [];
  const launch = (
    <Button variant="primary" asChild>
      <Link href="/runs/new?as=sweep">
        <Plus /> New sweep
      </Link>
    </Button>
  );
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">Sweeps</h1>
        {launch}
      </header>
      <div className="mt-4">
        {query.isPending ? (
          <SkeletonList count={4} className="h-20 w-full" list="space-y-2" />
        ) : query.isError && rows.length === 0 ? (
          <QueryErrorState title="The sweeps could not be read" query={query} />
        ) : rows.length === 0 ? (
          <EmptyState title="No sweep yet" action={launch}>
            A sweep runs one configuration over values of settings and over seeds, as one group with
            one table.
          </EmptyState>
        ) : (
          <>
            <ul className="space-y-2">
              {rows.map((row) => (
                <SweepItem key={row.id} row={row} />
              ))}
            </ul>
            <ShowMoreButton size="sm" className="mt-3" query={query} />
          </>
        )}
      </div>
    </>
  );
}

function SweepItem({ row }: { row: SweepRow }) {
  const now = useNow();
  return (
    <li className="relative rounded-lg border bg-card p-3 hover:bg-muted/50" data-sweep={row.id}>
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <Link
          href={`/sweeps/${row.id}`}
          className="min-w-0 font-medium break-words after:absolute after:inset-0"
        >
          {row.name}
        </Link>
        <time
          dateTime={row.createdAt.toISOString()}
          title={formatDateTime(row.createdAt)}
          className="text-xs text-muted-foreground"
          suppressHydrationWarning
        >
          {formatAgo(row.createdAt, now)}
        </time>
      </div>
      <p className="mt-0.5 text-xs break-words text-muted-foreground">
        {row.kind} · {formatCount(row.runs, "run")}
        {row.seeds.length > 1 ? ` · ${formatCount(row.seeds.length, "seed")}` : ""}
        {row.paths.length > 0 ? (
          <>
            {" · varies "}
            <span className="font-mono">{row.paths.join(", ")}</span>
          </>
        ) : null}
      </p>
      <div className="mt-1.5">
        <StateCounts counts={row.counts} />
      </div>
    </li>
  );
}
