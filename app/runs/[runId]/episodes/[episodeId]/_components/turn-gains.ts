"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { TurnGain } from "@/app/_episode/ledger";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/live/trpc";
import { useTask } from "@/app/_lib/live/use-task";

export interface TurnGains {
  /** The generator's answer if the search had ended with that turn. */
  byTurn: ReadonlyMap<number, TurnGain>;
  /** Its answer from the gold documents alone. */
  ceiling: TurnGain | null;
  done: boolean;
  running: boolean;
  error: { message: string } | null;
  compute: () => void;
}

const NO_GAINS: ReadonlyMap<number, TurnGain> = new Map();

/** The gain of each turn, computed on demand by a worker and kept. */
export function useTurnGains(detail: EpisodeDetail): TurnGains {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const stored = useQuery(trpc.episodes.turnGains.queryOptions({ episodeId: detail.id }));
  const { task, start, running, error } = useTask();
  const ended = task !== undefined && task.state !== "running";
  useEffect(() => {
    if (ended)
      void queryClient.invalidateQueries(
        trpc.episodes.turnGains.queryFilter({ episodeId: detail.id }),
      );
  }, [ended, queryClient, trpc, detail.id]);
  const result = stored.data?.result ?? null;
  return {
    byTurn: result
      ? new Map(result.turns.map(({ turn, answer, score }) => [turn, { answer, score }]))
      : NO_GAINS,
    ceiling: result?.goldContext ?? null,
    done: result !== null,
    running: running || stored.data?.task.state === "running",
    error: error ?? task?.error ?? stored.data?.task.error ?? null,
    compute: () => start({ kind: "turn-gains", episodeId: detail.id }),
  };
}
