"use client";
import { skipToken, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { inferRouterInputs } from "@trpc/server";
import { useEffect, useRef, useState } from "react";
import type { AppRouter } from "@/server/trpc/router";
import { useTRPC, type TaskDetail } from "./trpc";

type TaskInput = inferRouterInputs<AppRouter>["tasks"]["create"];

interface TaskHandle {
  task: TaskDetail | undefined;
  start: (input: TaskInput) => void;
  cancel: () => void;
  clear: () => void;
  running: boolean;
  /** Why it could not be started or read; a failure of the task itself is in task.error. */
  error: { message: string } | null;
}

/** A short request to a worker: starts it, follows it to its end, cancels it. */
export function useTask(): TaskHandle {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const [taskId, setTaskId] = useState<string | null>(null);
  const create = useMutation(
    trpc.tasks.create.mutationOptions({ onSuccess: (made) => setTaskId(made.taskId) }),
  );
  // Live events refresh it at once; the slow interval covers a lost connection.
  const query = useQuery(
    trpc.tasks.get.queryOptions(taskId ? { id: taskId } : skipToken, {
      refetchInterval: (q) => (q.state.data && q.state.data.state !== "running" ? false : 3000),
    }),
  );
  const cancel = useMutation(
    trpc.tasks.cancel.mutationOptions({
      onSettled: () => void queryClient.invalidateQueries(trpc.tasks.get.pathFilter()),
    }),
  );
  return {
    task: taskId ? query.data : undefined,
    start: (input) => {
      setTaskId(null);
      create.mutate(input);
    },
    cancel: () => taskId && cancel.mutate({ id: taskId }),
    clear: () => {
      setTaskId(null);
      create.reset();
    },
    running:
      create.isPending ||
      (taskId !== null &&
        (query.data === undefined || query.data.state === "running") &&
        !query.isError),
    error: create.error ?? query.error ?? cancel.error,
  };
}

/** How long nothing must change before a worker is asked. */
const REQUEST_DELAY_MS = 600;

/**
 * A request that follows what is typed: sent once nothing has changed for a moment, and cancelled when nobody reads its
 * answer any more. Whoever uses it is mounted again for each request. `retry` sends it again.
 */
export function useFollowingTask(
  input: TaskInput,
): Pick<TaskHandle, "task"> & { failure: { message: string } | null; retry: () => void } {
  const { task, start, cancel, running, error } = useTask();
  const send = (): void => start(input);
  const stop = useRef<() => void>(() => undefined);
  useEffect(() => {
    stop.current = running ? cancel : () => undefined;
  });
  useEffect(() => {
    const wait = setTimeout(send, REQUEST_DELAY_MS);
    return () => {
      clearTimeout(wait);
      stop.current();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- requested once: another request mounts another component
  }, []);
  return { task, failure: error ?? task?.error ?? null, retry: send };
}
