"use client";
import { Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";

interface TargetItemProps {
  name: string;
  /** What it is. */
  facts: string;
  /** How far it is. */
  progress: string;
  error: string | null;
  test: { label: ReactNode; isPending: boolean; run: () => void };
  removal: { consequence: string; isPending: boolean; run: () => void };
}

/** A place outside where the server sends something, in a list: it can be tried and removed. */
export function TargetItem({
  name,
  facts,
  progress,
  error,
  test,
  removal,
  ...data
}: TargetItemProps & { [key: `data-${string}`]: string }) {
  const t = useText();
  const [removing, setRemoving] = useState(false);
  return (
    <li className="flex flex-wrap items-start gap-x-4 gap-y-1 border-t px-4 py-2.5" {...data}>
      <div className="min-w-0 flex-1">
        <p className="font-medium">{name}</p>
        <p className="text-xs break-words text-muted-foreground">{facts}</p>
        <p className="text-xs text-muted-foreground">{progress}</p>
        {error ? <p className="text-xs break-words text-bad">{t.message(error)}</p> : null}
      </div>
      <Button size="sm" disabled={test.isPending} onClick={test.run}>
        {test.label}
      </Button>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={t("Remove {name}", { name })}
        onClick={() => setRemoving(true)}
      >
        <Trash2 />
      </Button>
      <ConfirmDialog
        open={removing}
        onClose={() => setRemoving(false)}
        title={t("Remove {name}?", { name })}
        description={removal.consequence}
        confirmLabel={t("Remove")}
        pending={removal.isPending}
        onConfirm={removal.run}
      />
    </li>
  );
}
