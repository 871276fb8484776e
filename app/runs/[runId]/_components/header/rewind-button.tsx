"use client";
import {
  useMutation,
  useMutationState,
  useQuery,
  useQueryClient,
  type MutationStatus,
} from "@tanstack/react-query";
import { Rewind } from "lucide-react";
import { useRouter } from "next/navigation";
import { useText } from "@/app/_i18n/text-provider";
import { buildBranchConfig } from "@/app/_lib/config/config-conversion";
import { useTRPC, type Checkpoint, type RunDetail } from "@/app/_lib/live/trpc";
import { useRunActions } from "@/app/_lib/use-run-actions";
import { Button } from "@/app/_ui/button";
import { useNotify } from "@/app/_ui/toast";
import { findHealthyCheckpoint, takeRemainingSteps } from "@/core/run/healthy-checkpoint";
import { useAlarms } from "./use-alarms";

/**
 * Launches a branch from the last checkpoint before the alarms that stand, for the steps that were left there, then pauses
 * the run (or cancels it, where it cannot pause). Nothing is shown where no such checkpoint is kept. A page has several
 * of them, of which one can be used.
 */
export function RewindButton({ run }: { run: RunDetail }) {
  const t = useText();
  const { alarms } = useAlarms(run.id);
  const checkpoints = useQuery(useTRPC().runs.checkpoints.queryOptions({ id: run.id }));
  const { isUsed, rewind } = useRewind(run);
  const healthy = findHealthyCheckpoint(checkpoints.data ?? [], alarms);
  if (run.config.kind !== "train" || healthy === null) return null;
  return (
    <Button
      size="sm"
      disabled={isUsed}
      title={t(
        "Pauses this run and launches a branch from its last checkpoint before the alarm, with the same settings, for the steps that are left",
      )}
      onClick={() => rewind(healthy)}
    >
      <Rewind /> {t("Rewind to step {step}", { step: healthy.step })}
    </Button>
  );
}

/** Launching the branch, once for all buttons of the page: they share it by its key. */
function useRewind(run: RunDetail) {
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const router = useRouter();
  const actions = useRunActions();
  const filters = { mutationKey: ["rewind", run.id] };
  const launch = useMutation({
    ...trpc.runs.launch.mutationOptions({
      // Forgotten with the page.
      gcTime: 0,
      onSuccess: ({ id }) => {
        // Only now: where the branch is refused, the run goes on.
        if (run.actions.includes("pause")) actions.pause(run.id);
        else if (run.actions.includes("cancel")) actions.cancel(run.id);
        router.push(`/runs/${id}`);
      },
      onError: (error) => notify("bad", error.message),
    }),
    ...filters,
  });
  const isTaken = (status: MutationStatus): boolean => status === "pending" || status === "success";
  const isUsed = useMutationState({ filters, select: ({ state }) => state.status }).some(isTaken);
  return {
    isUsed,
    rewind: (checkpoint: Checkpoint): void => {
      // The cache knows of a click that the page has not drawn yet.
      const launches = queryClient.getMutationCache().findAll(filters);
      if (launches.some(({ state }) => isTaken(state.status))) return;
      launch.mutate({ config: buildRewindConfig(run, checkpoint), preset: null });
    },
  };
}

const buildRewindConfig = ({ config }: RunDetail, checkpoint: Checkpoint) =>
  takeRemainingSteps(buildBranchConfig(config, checkpoint, "all"), checkpoint.step);
