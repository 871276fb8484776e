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
  const create = useMutation(trpc.tasks.create.mutationOptions());
  /** What was asked for last, until the server has said which task it is. */
  const asked = useRef<{ isCancelled: boolean } | null>(null);
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
      const request = { isCancelled: false };
      asked.current = request;
      create.mutateAsync(input).then(
        (made) => {
          if (request.isCancelled) cancel.mutate({ id: made.taskId });
          // Another may have been asked for meanwhile.
          if (asked.current !== request) return;
          asked.current = null;
          setTaskId(made.taskId);
        },
        () => undefined,
      );
    },
    cancel: () => {
      if (taskId) cancel.mutate({ id: taskId });
      else if (asked.current) asked.current.isCancelled = true;
    },
    clear: () => {
      asked.current = null;
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

/** Cancels a task that still goes on when whoever shows it leaves the page: nobody reads its answer any more. */
export function useCancelOnLeave({
  running,
  cancel,
}: Pick<TaskHandle, "running" | "cancel">): void {
  const leave = useRef<() => void>(() => undefined);
  useEffect(() => {
    leave.current = running ? cancel : () => undefined;
  });
  useEffect(() => () => leave.current(), []);
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
  const handle = useTask();
  const { task, start, error } = handle;
  const send = (): void => start(input);
  useCancelOnLeave(handle);
  useEffect(() => {
    const wait = setTimeout(send, REQUEST_DELAY_MS);
    return () => clearTimeout(wait);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- requested once: another request mounts another component
  }, []);
  return { task, failure: error ?? task?.error ?? null, retry: send };
}
