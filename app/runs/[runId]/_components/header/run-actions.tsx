"use client";
import { Copy, FileText, Pause, Play, Square, StepForward } from "lucide-react";
import { Link } from "@/app/_ui/link";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useDialogParam } from "@/app/_lib/hooks/use-params";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { useRunActions } from "@/app/_lib/use-run-actions";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { deferPart } from "@/app/_ui/optional-part";
import { CancelDialog } from "@/app/runs/_components/cancel-dialog";
import { UpstreamFiles } from "./upstream-files";

const StepsDialog = deferPart(
  () => import("./steps-dialog").then((m) => m.StepsDialog),
  () => null,
);

const DIALOGS = ["cancel", "pause", "steps"] as const;

/**
 * What can be done with the run. Whatever stops it asks first, in a dialog: no button takes the place of the one that
 * was pressed.
 */
export function RunActions({ run }: { run: RunDetail }) {
  const t = useText();
  const actions = useRunActions();
  const [asked, setAsked] = useDialogParam(DIALOGS);
  const close = () => setAsked(null);
  const isAllowed = (action: RunDetail["actions"][number]) => run.actions.includes(action);
  return (
    <div className="flex flex-wrap gap-2 print:hidden">
      {isAllowed("pause") ? (
        <Button disabled={actions.busy} onClick={() => setAsked("pause")}>
          <Pause /> {t("Pause")}
        </Button>
      ) : null}
      {isAllowed("resume") ? (
        <Button disabled={actions.busy} onClick={() => actions.resume(run.id)}>
          <Play /> {t("Resume")}
        </Button>
      ) : null}
      {isAllowed("cancel") ? (
        <Button variant="danger" disabled={actions.busy} onClick={() => setAsked("cancel")}>
          <Square /> {t("Cancel")}
        </Button>
      ) : null}
      {isAllowed("steps") ? (
        <Button onClick={() => setAsked("steps")}>
          <StepForward /> {t("Steps")}
        </Button>
      ) : null}
      {(run.kind === "predict" || run.kind === "train") && run.attempt > 0 ? (
        <UpstreamFiles runId={run.id} />
      ) : null}
      <Button asChild>
        <Link href={`/runs/${run.id}/report`}>
          <FileText /> {t("Report")}
        </Link>
      </Button>
      {isAllowed("duplicate") ? (
        <Button onClick={() => actions.duplicate(run.id)}>
          <Copy /> {t("Duplicate")}
        </Button>
      ) : null}
      <CancelDialog
        run={run}
        open={asked === "cancel"}
        onClose={close}
        pending={actions.busy}
        onCancel={() => actions.cancel(run.id)}
      />
      <ConfirmDialog
        open={asked === "pause"}
        onClose={close}
        title={t("Pause this run?")}
        description={describePause(t, run)}
        confirmLabel={t("Pause the run")}
        pending={actions.busy}
        onConfirm={() => {
          actions.pause(run.id);
          close();
        }}
      />
      {asked === "steps" && run.config.kind === "train" ? (
        <StepsDialog run={run} config={run.config} onClose={close} />
      ) : null}
    </div>
  );
}

/** When a pause takes effect. */
function describePause(t: Text, { config, state }: RunDetail): string {
  if (state === "queued") return t("It leaves the queue until somebody resumes it.");
  if (config.kind !== "train")
    return t(
      "It stops after the call that is under way; resumed, it goes on with what is not stored yet.",
    );
  return config.rl.overlap
    ? t(
        "At the next evaluation or checkpoint, as steps overlap until then, it saves a checkpoint and gives its worker free. Resumed, it makes the same steps as if nothing had happened.",
      )
    : t(
        "After the step that is under way (of a cold start: after the whole of it) it saves a checkpoint and gives its worker free. Resumed, it makes the same steps as if nothing had happened.",
      );
}
