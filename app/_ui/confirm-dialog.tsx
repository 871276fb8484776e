"use client";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "./button";
import { Dialog } from "./dialog";

/** Asks before something is lost. */
export function ConfirmDialog({
  open,
  onClose,
  title,
  description,
  confirmLabel,
  pending,
  onConfirm,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  description: ReactNode;
  confirmLabel: string;
  /** The action is under way: it cannot be confirmed twice. */
  pending: boolean;
  onConfirm: () => void;
}) {
  const t = useText();
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && onClose()}
      title={title}
      description={description}
    >
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>{t("Keep it")}</Button>
        <Button variant="danger" disabled={pending} onClick={onConfirm}>
          {confirmLabel}
        </Button>
      </div>
    </Dialog>
  );
}
