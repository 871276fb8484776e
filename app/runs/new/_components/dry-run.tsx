"use client";
import { FlaskConical } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import type { useTask } from "@/app/_lib/live/use-task";
import { Button } from "@/app/_ui/button";
import { deferPart } from "@/app/_ui/optional-part";
import { Progress } from "@/app/_ui/progress";
import { ErrorState, Skeleton } from "@/app/_ui/states";
import type { RunConfig } from "@/contracts/run-config/run-config";

const DryRunReport = deferPart(
  () => import("./dry-run-report").then((m) => m.DryRunReport),
  () => <Skeleton className="mt-3 h-40" />,
);

type DryRunTask = ReturnType<typeof useTask>;

/** Starts a dry run: eight questions with the exact configuration. Null where there is none to try. */
export function DryRunButton({ config, dryRun }: { config: RunConfig | null; dryRun: DryRunTask }) {
  const t = useText();
  return (
    <Button
      className="flex-1"
      disabled={!config || dryRun.running}
      onClick={() => config && dryRun.start({ kind: "dry-run", config })}
    >
      <FlaskConical /> {t("Dry run")}
    </Button>
  );
}

/** What a dry run is for, how far it is, and what it found. */
export function DryRunPanel({ dryRun }: { dryRun: DryRunTask }) {
  const t = useText();
  const { task, running, cancel, error } = dryRun;
  const failure = error ?? task?.error ?? null;
  return (
    <section className="mt-4 border-t pt-3" aria-label={t("Dry run")}>
      <p className="text-xs text-muted-foreground">
        {t(
          "Dry run: eight questions with exactly this configuration, in under a minute: truncation, format errors, memory, projected time.",
        )}
      </p>
      <div aria-live="polite">
        {running ? (
          <div className="mt-3">
            <Progress value={task?.fraction ?? null} label={t("Dry run")} />
            <p className="mt-1 flex items-center justify-between gap-2 text-xs text-muted-foreground">
              {t.message(task?.detail ?? "") || t("Asking a worker")}
              <Button size="sm" variant="ghost" onClick={cancel}>
                {t("Stop")}
              </Button>
            </p>
          </div>
        ) : null}
        {!running && failure ? (
          <ErrorState className="mt-3" title={t("The dry run failed")} error={failure} />
        ) : null}
        {!running && task?.state === "cancelled" ? (
          <p className="mt-3 text-xs text-muted-foreground">{t("Stopped.")}</p>
        ) : null}
        {task?.state === "succeeded" ? <DryRunReport answer={task.result} /> : null}
      </div>
    </section>
  );
}
