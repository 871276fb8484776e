"use client";
import { skipToken, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { inferRouterInputs } from "@trpc/server";
import { useState } from "react";
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
