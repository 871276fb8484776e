"use client";
import { useEffect, useMemo, useRef } from "react";
import { useText } from "@/app/_i18n/text-provider";
import type { PlaygroundState } from "@/app/_lib/playground-link";
import { useTask } from "@/app/_lib/use-task";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { queryResultSchema } from "@/contracts/worker-protocol/search-results";

/**
 * One retriever's search on a worker. It starts by itself whenever the query or a setting changes, and when `searchCount`
 * does: the same query is then searched again.
 */
export function useRetrieverSearch(
  { corpus, query, k, worker }: PlaygroundState,
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
  const parsed = useMemo(
    () => (task?.state === "succeeded" ? queryResultSchema.safeParse(task.result) : null),
    [task],
  );
  const mismatch =
    parsed && !parsed.success
      ? { message: t("Worker and page are of different versions: restart both.") }
      : null;
  return {
    task,
    running,
    cancel,
    search: () => start(request),
    result: !running && parsed?.success ? parsed.data : null,
    failure: running ? null : (error ?? task?.error ?? mismatch),
    stopped: !running && task?.state === "cancelled",
  };
}
