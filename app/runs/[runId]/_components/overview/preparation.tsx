"use client";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatProgress } from "@/app/_lib/run-view";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { Help } from "@/app/_ui/help";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { PreflightList } from "./preflight";

/** What is being made ready before the first point, in place of charts that would be empty. */
export function Preparation({ run }: { run: RunDetail }) {
  const t = useText();
  return (
    <Card className="min-h-96 px-5 py-4" aria-label={t("Preparation")} data-preparation>
      <h2 className="flex items-center gap-1 font-medium">
        {describeStage(t, run)} <Help term="preflight" />
      </h2>
      <p className="mt-1 max-w-prose text-xs text-muted-foreground">
        {run.kind === "train"
          ? t(
              "Then: cold start on demonstrations, a first held-out evaluation and a checkpoint, then the steps of reinforcement learning. The charts stand here from the first point on.",
            )
          : t("The results stand here from the first one on.")}
      </p>
      <div className="mt-4">
        {run.preflight.length > 0 ? (
          <PreflightList items={run.preflight} />
        ) : (
          <p className="text-xs text-muted-foreground">
            {run.waitingFor === null ? t("No check yet.") : t.message(run.waitingFor)}
          </p>
        )}
      </div>
    </Card>
  );
}

function describeStage(t: Text, run: RunDetail): string {
  if (run.state === "queued") return t("Waiting for a worker");
  const worker = run.worker?.name ?? t("a worker");
  const isReady = run.preflight.length > 0 && run.preflight.every((item) => item.state === "ready");
  if (!isReady) return t("Being prepared on {worker}", { worker });
  const progress = formatProgress(t, run.progress);
  return progress
    ? t("Ready on {worker}, {progress}", { worker, progress })
    : t("Ready on {worker}", { worker });
}

/** Whether a run is still before its first point, so that its preparation is all there is to show. */
export const isPreparing = (run: RunDetail, hasPoints: boolean): boolean =>
  !hasPoints && !TERMINAL_STATES.has(run.state);
