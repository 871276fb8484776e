"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useText } from "@/app/_i18n/text-provider";
import { useNotify } from "@/app/_ui/toast";
import { useTRPC } from "./live/trpc";

/** Cancel, pause, resume and duplicate, with their messages; the live events bring the new state. */
export function useRunActions() {
  const t = useText();
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
            ? t("Cancelled")
            : t("Cancelling: the worker stops after its current call"),
        );
        refresh();
      },
      onError,
    }),
  );
  const resume = useMutation(
    trpc.runs.resume.mutationOptions({
      onSuccess: () => {
        notify("good", t("Queued again: it goes on from its last checkpoint"));
        refresh();
      },
      onError,
    }),
  );
  const pause = useMutation(
    trpc.runs.pause.mutationOptions({
      onSuccess: ({ state }) => {
        notify("good", state === "paused" ? t("Paused") : t("Pausing: the worker saves it first"));
        refresh();
      },
      onError,
    }),
  );
  return {
    pause: (id: string) => pause.mutate({ id }),
    cancel: (id: string) => cancel.mutate({ id }),
    resume: (id: string) => resume.mutate({ id }),
    duplicate: (id: string) => router.push(`/runs/new?from=${id}`),
    busy: cancel.isPending || resume.isPending || pause.isPending,
  };
}
