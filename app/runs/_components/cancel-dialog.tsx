"use client";
import { useText } from "@/app/_i18n/text-provider";
import type { RunRow } from "@/app/_lib/live/trpc";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";

interface CancelDialogProps {
  run: Pick<RunRow, "kind">;
  open: boolean;
  onClose: () => void;
  /** An action on the run is under way. */
  pending: boolean;
  onCancel: () => void;
}

/** Asks before a run is cancelled, from wherever that is wanted. */
export function CancelDialog({ run, open, onClose, pending, onCancel }: CancelDialogProps) {
  const t = useText();
  return (
    <ConfirmDialog
      open={open}
      onClose={onClose}
      title={t("Cancel this run?")}
      description={
        run.kind === "external"
          ? t(
              "It counts as ended here. Its trainer is not stopped, and what it still reports is stored.",
            )
          : t(
              "Its worker stops after the call that is under way. What was reported stays, and the run can be resumed from its last checkpoint.",
            )
      }
      confirmLabel={t("Cancel the run")}
      pending={pending}
      onConfirm={() => {
        onCancel();
        onClose();
      }}
    />
  );
}
