"use client";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useEffect } from "react";
import { keepFilter, parseEpisodeFilter } from "@/app/_episode/episode-filter";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { useShortcuts } from "@/app/_lib/hooks/use-shortcuts";

/** What is before and after an episode in the list that it was opened from. */
export interface Neighbours {
  /** Addresses; null: an end of the list, or not known yet. */
  previous: string | null;
  next: string | null;
  /** "3 of 138"; null where it is not known. */
  place: string | null;
  /** Address of the list with its filter. */
  list: string;
  /** Address of an episode of the run in the same view and filter, parameters changed. */
  buildHref: (id: string, changes?: Record<string, string | null>) => string;
}

/** Walks the filtered list whose filter the address holds, by the keys j and k too. Neighbours are read ahead. */
export function useNeighbours(runId: string, episodeId: string): Neighbours {
  const t = useText();
  const trpc = useTRPC();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [params] = useQueryParams();
  const { data } = useQuery(
    trpc.episodes.neighbours.queryOptions(
      { runId, episodeId, ...parseEpisodeFilter(params) },
      { placeholderData: keepPreviousData },
    ),
  );
  const { previousId = null, nextId = null, position = null, total = null } = data ?? {};
  useEffect(() => {
    for (const id of [nextId, previousId])
      if (id)
        void queryClient.prefetchQuery(
          trpc.episodes.get.queryOptions({ id }, { staleTime: 60_000 }),
        );
  }, [nextId, previousId, queryClient, trpc]);

  const buildHref: Neighbours["buildHref"] = (id, changes = {}) => {
    const next = new URLSearchParams(params);
    next.delete("turn");
    next.delete("change");
    for (const [name, value] of Object.entries(changes))
      if (value === null) next.delete(name);
      else next.set(name, value);
    return `/runs/${runId}/episodes/${id}${next.size > 0 ? `?${next}` : ""}`;
  };
  const previous = previousId && buildHref(previousId);
  const next = nextId && buildHref(nextId);
  const open = (href: string | null) => () => void (href && router.push(href));
  useShortcuts({
    j: { label: t("next episode of the list"), run: open(next) },
    k: { label: t("previous episode of the list"), run: open(previous) },
  });
  const filter = keepFilter(params).slice(1);
  return {
    previous,
    next,
    place:
      position === null || total === null
        ? null
        : t("{count} of {total}", { count: position, total }),
    list: `/runs/${runId}?tab=episodes${filter && `&${filter}`}`,
    buildHref,
  };
}
