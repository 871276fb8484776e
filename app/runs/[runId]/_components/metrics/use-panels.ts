"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearchParams } from "next/navigation";
import { useMemo, useState } from "react";
import type { Panel } from "@/app/_charts/prepare/panels";
import { replaceParams } from "@/app/_lib/hooks/use-params";
import { parseJson } from "@/app/_lib/config/parse-json";
import { useTRPC } from "@/app/_lib/live/trpc";
import { savedViewContentSchema, type SavedView } from "@/contracts/api/saved-views";

/** Panels of an address; null where it holds none. */
function parsePanels(text: string | null): Panel[] | null {
  const content = savedViewContentSchema.safeParse({
    kind: "panels",
    value: { panels: parseJson(text ?? "") },
  });
  return content.success && content.data.kind === "panels" ? content.data.value.panels : null;
}

const readPanels = (view: SavedView | undefined): Panel[] =>
  view?.kind === "panels" ? view.value.panels : [];

/**
 * The panels of the page: those of a saved set, or changed ones. The address holds the set's id or the panels
 * themselves, so that a link shows the same.
 */
export function usePanels() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const params = useSearchParams();
  const [setId, setSetId] = useState(params.get("set"));
  const [draft, setDraft] = useState(() => parsePanels(params.get("panels")));
  const query = useQuery(trpc.savedViews.list.queryOptions({ kind: "panels" }));
  const sets = useMemo(() => query.data ?? [], [query.data]);
  const chosen = sets.find(({ id }) => id === setId);
  const panels = useMemo(() => draft ?? readPanels(chosen), [draft, chosen]);
  const show = (id: string | null, changed: Panel[] | null): void => {
    setSetId(id);
    setDraft(changed);
    replaceParams({ set: id, panels: changed && JSON.stringify(changed) });
  };
  const refresh = () => queryClient.invalidateQueries(trpc.savedViews.list.queryFilter());
  const save = useMutation(
    trpc.savedViews.save.mutationOptions({
      onSuccess: async ({ id }) => {
        await refresh();
        show(id, null);
      },
    }),
  );
  const remove = useMutation(
    trpc.savedViews.delete.mutationOptions({
      onSuccess: async () => {
        show(null, null);
        await refresh();
      },
    }),
  );
  return {
    sets,
    chosen,
    panels,
    isChanged: draft !== null,
    choose: (id: string | null) => show(id, null),
    change: (changed: Panel[]) => show(setId, changed),
    save: (name: string) => save.mutate({ name, kind: "panels", value: { panels: [...panels] } }),
    remove: () => chosen && remove.mutate({ id: chosen.id }),
    error: save.error ?? remove.error,
    isSaving: save.isPending || remove.isPending,
  };
}

export type Panels = ReturnType<typeof usePanels>;
