"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useNotify } from "@/app/_ui/toast";
import { useTRPC } from "./trpc";

/** Cancel, resume and duplicate, with their messages; the live events bring the new state. */
export function useRunActions() {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const router = useRouter();
  const refresh = () => void queryClient.invalidateQueries(trpc.runs.pathFilter());
  const onError = (error: { message: string }) => {
    notify("bad", error.message);
    refresh();
  };
  const cancel = useMutation(
    trpc.runs.cancel.mutationOptions({
      onSuccess: ({ state }) => {
        notify(
          "good",
          state === "cancelled"
            ? "Cancelled"
            : "Cancelling: the worker stops after its current call",
        );
        refresh();
      },
      onError,
    }),
  );
  const resume = useMutation(
    trpc.runs.resume.mutationOptions({
      onSuccess: () => {
        notify("good", "Queued again: it goes on from its last checkpoint");
        refresh();
      },
      onError,
    }),
  );
  return {
    cancel: (id: string) => cancel.mutate({ id }),
    resume: (id: string) => resume.mutate({ id }),
    duplicate: (id: string) => router.push(`/runs/new?from=${id}`),
    busy: cancel.isPending || resume.isPending,
  };
}
