"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, useTRPCClient } from "@/app/_lib/live/trpc";
import { useNotify } from "@/app/_ui/toast";
import type { UpdateRunsRequest } from "@/contracts/api/run-list";
import { MOST_CHANGED_AT_ONCE } from "@/contracts/api/run-list-values";

/** Runs that are cancelled by requests of one time. */
const CANCELLED_AT_ONCE = 50;

const split = (ids: readonly string[], size: number): string[][] =>
  Array.from({ length: Math.ceil(ids.length / size) }, (_, part) =>
    ids.slice(part * size, (part + 1) * size),
  );

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
  /** Changes any number of runs by one request after the other. @returns how many there were */
  const changeRuns = async (ids: readonly string[], changes: Changes): Promise<number> => {
    let changed = 0;
    for (const part of split(ids, MOST_CHANGED_AT_ONCE))
      try {
        changed += (await client.runs.update.mutate({ ids: part, ...changes })).changed;
      } catch (error) {
        if (changed === 0 || !(error instanceof Error)) throw error;
        throw new Error(
          t("{changed, number} of {runs, number} changed, then: {message}", {
            changed,
            runs: ids.length,
            message: t.message(error.message),
          }),
          { cause: error },
        );
      }
    return changed;
  };
  const onError = (error: Error) => {
    notify("bad", error.message);
    refresh();
  };
  const update = useMutation({
    mutationFn: ({ ids, changes }: { ids: readonly string[]; changes: Changes }) =>
      changeRuns(ids, changes),
    onSuccess: (changed, { ids, changes }) => {
      const described = describeChange(t, changes, changed);
      notify(
        "good",
        described?.[0] ?? t("Saved"),
        described
          ? {
              label: t("Undo"),
              act: () => void changeRuns(ids, described[1]).then(refresh, onError),
            }
          : undefined,
      );
      refresh();
      onDone?.();
    },
    onError,
  });
  const cancelAll = useMutation({
    mutationFn: async (ids: readonly string[]) => {
      const results: PromiseSettledResult<unknown>[] = [];
      for (const part of split(ids, CANCELLED_AT_ONCE))
        results.push(
          ...(await Promise.allSettled(part.map((id) => client.runs.cancel.mutate({ id })))),
        );
      return results;
    },
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
    update: (ids: readonly string[], changes: Changes) => update.mutate({ ids, changes }),
    cancelAll: (ids: readonly string[]) => cancelAll.mutate(ids),
    busy: update.isPending || cancelAll.isPending,
  };
}
