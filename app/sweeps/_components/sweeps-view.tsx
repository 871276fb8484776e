"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { Link } from "@/app/_ui/link";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatAgo, formatDateTime, formatWords } from "@/app/_lib/format/format";
import { useTRPC, type SweepRow } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Button } from "@/app/_ui/button";
import { ShowMoreButton } from "@/app/_ui/show-more-button";
import { EmptyState, QueryErrorState, SkeletonList } from "@/app/_ui/states";
import { StateCounts } from "@/app/_ui/state-counts";

/** All sweeps, newest first. */
export function SweepsView() {
  const t = useText();
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
        <Plus /> {t("New sweep")}
      </Link>
    </Button>
  );
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Sweeps")}</h1>
        {launch}
      </header>
      <div className="mt-4">
        {query.isPending ? (
          <SkeletonList count={4} className="h-20 w-full" list="space-y-2" />
        ) : query.isError && rows.length === 0 ? (
          <QueryErrorState title={t("The sweeps could not be read")} query={query} />
        ) : rows.length === 0 ? (
          <EmptyState title={t("No sweep yet")} action={launch}>
            {t(
              "A sweep runs one configuration over values of settings and over seeds, as one group with one table.",
            )}
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

/** "train", "12 runs", "3 seeds": the last where there are several. */
const listFacts = (t: Text, { kind, runs, seeds }: SweepRow): string[] => [
  formatWords(t, kind),
  t("{runs, plural, one {# run} other {# runs}}", { runs }),
  ...(seeds.length > 1
    ? [t("{seeds, plural, one {# seed} other {# seeds}}", { seeds: seeds.length })]
    : []),
];

function SweepItem({ row }: { row: SweepRow }) {
  const t = useText();
  const now = useNow();
  return (
    <li className="relative rounded-lg border bg-card p-3 hover:bg-muted/50" data-sweep={row.id}>
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <Link href={`/sweeps/${row.id}`} className="min-w-0 row-link break-words">
          {row.name}
        </Link>
        <time
          dateTime={row.createdAt.toISOString()}
          title={formatDateTime(t, row.createdAt)}
          className="text-xs text-muted-foreground"
          suppressHydrationWarning
        >
          {formatAgo(t, row.createdAt, now)}
        </time>
      </div>
      <p className="mt-0.5 text-xs break-words text-muted-foreground">
        {listFacts(t, row).join(" · ")}
        {row.paths.length > 0 ? (
          <>
            {" · "}
            {t.rich("varies <mono>{paths}</mono>", {
              paths: row.paths.join(", "),
              mono: (text) => <span className="font-mono">{text}</span>,
            })}
          </>
        ) : null}
      </p>
      <div className="mt-1.5">
        <StateCounts counts={row.counts} kind={row.kind} />
      </div>
    </li>
  );
}
