"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { useCallback, useMemo, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import type { PlaygroundState } from "@/app/_lib/playground-link";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { EmptyState, Skeleton } from "@/app/_ui/states";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { collectTerms, splitHighlights } from "@/app/_episode/highlight";
import { findOverlaps } from "./overlap";
import type { SearchState } from "./playground-address";
import { RetrieverColumn } from "./retriever-column";

const WIDTH = [
  "",
  "md:grid-cols-1",
  "md:grid-cols-2",
  "md:grid-cols-2 xl:grid-cols-3",
  "md:grid-cols-2 xl:grid-cols-4",
] as const;

interface ColumnsProps {
  search: SearchState;
  /** Null until they are read. */
  retrievers: readonly RetrieverConfig[] | null;
  searchCount: number;
  onChange: (next: Partial<PlaygroundState>) => void;
}

/** The retrievers' answers side by side, each document with its ranks in the other columns. */
export function Columns({ search, retrievers, searchCount, onChange }: ColumnsProps) {
  const t = useText();
  const trpc = useTRPC();
  const workers = useQuery(trpc.workers.list.queryOptions());
  const episode = useQuery(
    trpc.episodes.get.queryOptions(search.episode ? { id: search.episode } : skipToken),
  );
  // Ids that each column found, by its place; null while it has no answer.
  const [found, setFound] = useState<Record<number, string[] | null>>({});
  const [hovered, setHovered] = useState<string | null>(null);
  const report = useCallback(
    (place: number, ids: string[] | null) =>
      setFound((all) => (areSameIds(all[place] ?? null, ids) ? all : { ...all, [place]: ids })),
    [],
  );
  const { corpus, query } = search;
  const elsewhere = useMemo(
    () => findOverlaps((retrievers ?? []).map((_, i) => found[i] ?? null)),
    [retrievers, found],
  );
  const gold = useMemo(
    () => new Set(episode.data?.corpus === corpus ? episode.data.question.goldIds : []),
    [episode.data, corpus],
  );
  const terms = useMemo(() => collectTerms(query), [query]);
  const highlight = useCallback((text: string) => splitHighlights(text, terms), [terms]);

  if (workers.data && !workers.data.some((w) => w.state === "online"))
    return (
      <div className="mt-6">
        <EmptyState
          title={t("No worker is online")}
          action={
            <Button asChild>
              <Link href="/workers">{t("Workers")}</Link>
            </Button>
          }
        >
          {t(
            "Searching is done by a worker. The server starts one on its own machine; others attach with a token.",
          )}
        </EmptyState>
      </div>
    );
  if (query === "") return <NoQuery />;
  if (retrievers === null) return <Skeleton className="mt-4 h-80" />;
  return (
    <div
      className={cn(
        "relative mt-4 grid grid-flow-col auto-cols-[88%] items-start gap-3 overflow-x-auto pb-2 max-md:snap-x md:grid-flow-row md:overflow-visible",
        retrievers.length === 1 && "max-md:auto-cols-[100%]",
        WIDTH[retrievers.length],
      )}
    >
      {retrievers.map((retriever, place) => (
        <RetrieverColumn
          key={place}
          place={place}
          search={search}
          retriever={retriever}
          searchCount={searchCount}
          gold={gold}
          compared={Object.entries(found).some(
            ([other, ids]) =>
              Number(other) !== place && Number(other) < retrievers.length && ids !== null,
          )}
          elsewhere={elsewhere[place] ?? []}
          highlight={highlight}
          hovered={hovered}
          onHover={setHovered}
          onFound={report}
          onEdit={(config) =>
            onChange({ retrievers: retrievers.map((r, i) => (i === place ? config : r)) })
          }
          onRemove={
            retrievers.length > 1
              ? () => onChange({ retrievers: retrievers.filter((_, i) => i !== place) })
              : null
          }
        />
      ))}
    </div>
  );
}

const areSameIds = (a: readonly string[] | null, b: readonly string[] | null): boolean =>
  a === b || (a !== null && b !== null && a.length === b.length && a.every((id, i) => id === b[i]));

/** Before the first query. */
function NoQuery() {
  const t = useText();
  return (
    <div className="mt-6">
      <EmptyState title={t("Type a query and press Enter")}>
        {t(
          "Each column searches the same corpus with another retriever. The first search builds an index that is missing; its progress is shown. From a turn of any episode, “Open in the playground” brings its query here.",
        )}
      </EmptyState>
    </div>
  );
}
