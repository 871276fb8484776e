"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, useState } from "react";
import { useTRPC, type RunRow } from "@/app/_lib/live/trpc";

/** Which runs are chosen for an action; the row of a folded sweep stands for all runs of it. */
export interface Selection {
  ids: ReadonlySet<string>;
  isChosen: (run: RunRow) => boolean;
  /** `range`: with everything between it and the row that was chosen before. */
  toggle: (run: RunRow, range: boolean) => void;
  toggleAll: () => void;
  /** Chooses runs, also such as are not shown. */
  add: (ids: readonly string[]) => void;
  clear: () => void;
}

/** @param rows what the list shows now @param folded whether sweeps stand as one row */
export function useSelection(rows: readonly RunRow[], folded: boolean): Selection {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);

  const change = useCallback((changed: readonly string[], chosen: boolean) => {
    setIds((before) => {
      const after = new Set(before);
      for (const id of changed)
        if (chosen) after.add(id);
        else after.delete(id);
      return after;
    });
  }, []);

  const readIds = useCallback(
    async (run: RunRow): Promise<string[]> => {
      if (!folded || run.sweep === null) return [run.id];
      const sweep = await queryClient.fetchQuery(
        trpc.sweeps.get.queryOptions({ id: run.sweep.id }),
      );
      return sweep.members.map(({ id }) => id);
    },
    [folded, queryClient, trpc],
  );

  const choose = useCallback(
    async (chosen: readonly RunRow[], on: boolean) =>
      change((await Promise.all(chosen.map(readIds))).flat(), on),
    [change, readIds],
  );

  return useMemo(
    () => ({
      ids,
      isChosen: (run) => ids.has(run.id),
      toggle: (run, range) => {
        const from = rows.findIndex(({ id }) => id === last.current);
        const to = rows.findIndex(({ id }) => id === run.id);
        const between =
          range && from >= 0 ? rows.slice(Math.min(from, to), Math.max(from, to) + 1) : [run];
        last.current = run.id;
        void choose(between, !ids.has(run.id));
      },
      toggleAll: () => void choose(rows, !rows.every(({ id }) => ids.has(id))),
      add: (added) => change(added, true),
      clear: () => setIds(new Set()),
    }),
    [ids, rows, change, choose],
  );
}
