"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, useTRPCClient } from "@/app/_lib/live/trpc";
import { useNotify } from "@/app/_ui/toast";
import type { UpdateRunsRequest } from "@/contracts/api/run-list";

type Changes = Omit<UpdateRunsRequest, "ids">;

/** What a change that can be undone says, and what undoes it. */
function describeChange(
  t: Text,
  { archived, deleted }: Changes,
  runs: number,
): [string, Changes] | null {
  if (deleted === true)
    return [t("{runs, plural, one {# run} other {# runs}} deleted", { runs }), { deleted: false }];
  if (deleted === false)
    return [t("{runs, plural, one {# run} other {# runs}} restored", { runs }), { deleted: true }];
  if (archived === true)
    return [
      t("{runs, plural, one {# run} other {# runs}} archived", { runs }),
      { archived: false },
    ];
  if (archived === false)
    return [
      t("{runs, plural, one {# run} other {# runs}} back in the list", { runs }),
      { archived: true },
    ];
  return null;
}

/** What the cancelling of several runs came to. */
const describeCancelled = (t: Text, cancelled: number, refused: number): string =>
  refused === 0
    ? t("{cancelled, plural, one {# run} other {# runs}} cancelled", { cancelled })
    : t("{cancelled, plural, one {# run} other {# runs}} cancelled, {refused} had ended already", {
        cancelled,
        refused,
      });

/** Changes of runs with their messages; those that hide runs can be undone from the message. */
export function useOrganise(onDone?: () => void) {
  const t = useText();
  const trpc = useTRPC();
  const client = useTRPCClient();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const refresh = () => {
    void queryClient.invalidateQueries(trpc.runs.pathFilter());
    void queryClient.invalidateQueries(trpc.leaderboard.pathFilter());
  };
  const update = useMutation(
    trpc.runs.update.mutationOptions({
      onSuccess: ({ changed }, { ids, ...changes }) => {
        const described = describeChange(t, changes, changed);
        const undo = () =>
          client.runs.update
            .mutate({ ids, ...described![1] })
            .then(refresh, (error: Error) => notify("bad", error.message));
        notify(
          "good",
          described?.[0] ?? t("Saved"),
          described ? { label: t("Undo"), act: () => void undo() } : undefined,
        );
        refresh();
        onDone?.();
      },
      onError: (error) => {
        notify("bad", error.message);
        refresh();
      },
    }),
  );
  const cancelAll = useMutation({
    mutationFn: (ids: readonly string[]) =>
      Promise.allSettled(ids.map((id) => client.runs.cancel.mutate({ id }))),
    onSuccess: (results) => {
      const refused = results.filter(({ status }) => status === "rejected").length;
      notify(
        refused === results.length ? "bad" : "good",
        describeCancelled(t, results.length - refused, refused),
      );
      refresh();
      onDone?.();
    },
  });
  return {
    update: (ids: readonly string[], changes: Changes) =>
      update.mutate({ ids: [...ids], ...changes }),
    cancelAll: (ids: readonly string[]) => cancelAll.mutate(ids),
    busy: update.isPending || cancelAll.isPending,
  };
}
