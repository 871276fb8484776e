"use client";
import { useEffect, useMemo, useRef } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTask } from "@/app/_lib/live/use-task";
import { defer } from "@/app/_ui/deferred";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { SearchState } from "./playground-address";

/** What checks the answers of workers: fetched while they search. */
const searchResults = defer(() => import("@/contracts/worker-protocol/search-results"));

/**
 * One retriever's search on a worker. It starts by itself whenever the query or a setting changes, and when `searchCount`
 * does: the same query is then searched again.
 */
export function useRetrieverSearch(
  { corpus, query, k, worker }: SearchState,
  retriever: RetrieverConfig,
  searchCount: number,
) {
  const t = useText();
  const { task, start, cancel, running, error } = useTask();
  const request = useMemo(
    () => ({ kind: "query" as const, corpus, retriever, query, k, workerId: worker }),
    [corpus, retriever, query, k, worker],
  );
  const key = `${searchCount} ${JSON.stringify(request)}`;
  const lastKey = useRef<string | null>(null);
  useEffect(() => {
    if (lastKey.current === key) return;
    lastKey.current = key;
    start(request);
  }, [key, request, start]);
  const schemas = searchResults.useModule(true);
  const parsed = useMemo(
    () =>
      task?.state === "succeeded"
        ? (schemas?.queryResultSchema.safeParse(task.result) ?? null)
        : null,
    [task, schemas],
  );
  // Until its answer can be checked there is none.
  const isOpen = running || (task?.state === "succeeded" && schemas === null);
  const mismatch =
    parsed && !parsed.success
      ? { message: t("Worker and page are of different versions: restart both.") }
      : null;
  return {
    task,
    running: isOpen,
    cancel,
    search: () => start(request),
    result: !isOpen && parsed?.success ? parsed.data : null,
    failure: isOpen ? null : (error ?? task?.error ?? mismatch),
    stopped: !isOpen && task?.state === "cancelled",
  };
}
