"use client";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Rewind } from "lucide-react";
import { useRouter } from "next/navigation";
import { useText } from "@/app/_i18n/text-provider";
import { buildBranchConfig } from "@/app/_lib/config-conversion";
import { useTRPC, type Checkpoint, type RunDetail } from "@/app/_lib/trpc";
import { useRunActions } from "@/app/_lib/use-run-actions";
import { Button } from "@/app/_ui/button";
import { useNotify } from "@/app/_ui/toast";
import { findHealthyCheckpoint, takeRemainingSteps } from "@/core/run/healthy-checkpoint";
import { useAlarms } from "./use-alarms";

/**
 * Launches a branch from the last checkpoint before the alarms that stand, for the steps that were left there, then pauses
 * the run (or cancels it, where it cannot pause). Nothing is shown where no such checkpoint is kept.
 */
export function RewindButton({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const notify = useNotify();
  const router = useRouter();
  const actions = useRunActions();
  const { alarms } = useAlarms(run.id);
  const checkpoints = useQuery(trpc.runs.checkpoints.queryOptions({ id: run.id }));
  const launch = useMutation(
    trpc.runs.launch.mutationOptions({
      onSuccess: ({ id }) => {
        // Only now: where the branch is refused, the run goes on.
        if (run.actions.includes("pause")) actions.pause(run.id);
        else if (run.actions.includes("cancel")) actions.cancel(run.id);
        router.push(`/runs/${id}`);
      },
      onError: (error) => notify("bad", error.message),
    }),
  );
  const healthy = findHealthyCheckpoint(checkpoints.data ?? [], alarms);
  if (run.config.kind !== "train" || healthy === null) return null;
  return (
    <Button
      size="sm"
      disabled={launch.isPending || launch.isSuccess}
      title={t(
        "Pauses this run and launches a branch from its last checkpoint before the alarm, with the same settings, for the steps that are left",
      )}
      onClick={() => launch.mutate({ config: buildRewindConfig(run, healthy), preset: null })}
    >
      <Rewind /> {t("Rewind to step {step}", { step: healthy.step })}
    </Button>
  );
}

const buildRewindConfig = ({ config }: RunDetail, checkpoint: Checkpoint) =>
  takeRemainingSteps(buildBranchConfig(config, checkpoint, "all"), checkpoint.step);
