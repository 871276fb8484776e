"use client";
import { useMemo } from "react";
import type { DocumentText, EpisodeRecord, EpisodeStep } from "@/contracts/records/episode";
import { useCancelOnLeave, useTask } from "@/app/_lib/live/use-task";
import { defer } from "@/app/_ui/deferred";

/** What checks the answers of workers: fetched while they play. */
export const playedResults = defer(() => import("@/contracts/worker-protocol/tasks"));

/** A question while it is played, and after. */
export interface Play {
  /** What there is of it; null: nothing yet. */
  steps: readonly EpisodeStep[] | null;
  documents: Readonly<Record<string, DocumentText>>;
  /** The whole, once it has ended well. */
  record: EpisodeRecord | null;
  /** Seconds of the whole without the loading of models; null before the end. */
  seconds: number | null;
  /** What is being done. */
  detail: string;
  running: boolean;
  /** Why it failed or could not be started. */
  failure: { message: string } | null;
  stopped: boolean;
  start: ReturnType<typeof useTask>["start"];
  cancel: () => void;
}

/** Plays a question by a task of a worker, turn by turn as they come; leaving the page stops it. */
export function usePlay(): Play {
  const handle = useTask();
  const { task, start, cancel, running, error } = handle;
  useCancelOnLeave(handle);
  const state = task?.state;
  const schemas = playedResults.useModule(running || task !== undefined);
  const result = useMemo(
    () => (schemas && state === "succeeded" ? schemas.playResultSchema.parse(task?.result) : null),
    [schemas, state, task?.result],
  );
  const partial = useMemo(
    () => (schemas && task?.partial ? schemas.playProgressSchema.parse(task.partial) : null),
    [schemas, task?.partial],
  );
  const texts = result?.documents ?? partial?.documents;
  const documents = useMemo(
    () => Object.fromEntries((texts ?? []).map((text) => [text.hash, text])),
    [texts],
  );
  return {
    steps: result?.record.episode.steps ?? partial?.steps ?? null,
    documents,
    record: result?.record ?? null,
    seconds: result?.seconds ?? null,
    detail: task?.detail ?? "",
    // Until its answer can be checked there is none.
    running: running || (state === "succeeded" && schemas === null),
    failure: error ?? (state === "failed" ? (task?.error ?? null) : null),
    stopped: state === "cancelled",
    start,
    cancel,
  };
}
