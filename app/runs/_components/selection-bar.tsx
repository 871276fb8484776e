"use client";
import { Archive, ArchiveRestore, ChartLine, Square, Tag, Trash2, Undo2, X } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useState, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useShortcuts } from "@/app/_lib/hooks/use-shortcuts";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import type { RunShelf } from "@/contracts/api/run-list";
import { TagsDialog } from "./tags-dialog";
import { useOrganise } from "./use-organise";

/** So many runs can be drawn over each other. */
const MOST_COMPARED = 200;

/** Actions on the chosen runs, at the foot of the window while any is chosen. */
export function SelectionBar({
  ids,
  shelf,
  clear,
  children,
}: {
  ids: readonly string[];
  shelf: RunShelf;
  clear: () => void;
  /** Stands beside the number of chosen runs. */
  children?: ReactNode;
}) {
  const t = useText();
  const [tagging, setTagging] = useState(false);
  const [cancelling, setCancelling] = useState(false);
  const { update, cancelAll, busy } = useOrganise(clear);
  useShortcuts({ Escape: { label: t("Clear the selection"), run: clear } });
  const count = ids.length;
  const deleted = shelf === "deleted";
  return (
    <div
      role="region"
      aria-label={t("Actions on the selected runs")}
      className="sticky bottom-16 z-30 mt-3 flex flex-wrap items-center gap-2 rounded-lg border bg-card p-2 shadow-lg md:bottom-4"
    >
      <span className="px-1 font-medium" aria-live="polite">
        {t("{count, plural, one {# run} other {# runs}} selected", { count })}
      </span>
      {children}
      {ids.length <= MOST_COMPARED ? (
        <Button variant="primary" size="sm" asChild>
          <Link href={`/runs/compare?ids=${ids.join(",")}`}>
            <ChartLine /> {t("Compare")}
          </Link>
        </Button>
      ) : (
        <span className="text-xs text-muted-foreground">
          {t("At most {most} can be compared.", { most: MOST_COMPARED })}
        </span>
      )}
      {deleted ? (
        <Button size="sm" disabled={busy} onClick={() => update(ids, { deleted: false })}>
          <Undo2 /> {t("Restore")}
        </Button>
      ) : (
        <>
          <Button size="sm" onClick={() => setTagging(true)}>
            <Tag /> {t("Tag")}
          </Button>
          <Button
            size="sm"
            disabled={busy}
            onClick={() => update(ids, { archived: shelf !== "archived" })}
          >
            {shelf === "archived" ? <ArchiveRestore /> : <Archive />}
            {shelf === "archived" ? t("Back to the list") : t("Archive")}
          </Button>
          <Button size="sm" disabled={busy} onClick={() => setCancelling(true)}>
            <Square /> {t("Cancel")}
          </Button>
          <Button
            size="sm"
            variant="danger"
            disabled={busy}
            onClick={() => update(ids, { deleted: true })}
          >
            <Trash2 /> {t("Delete")}
          </Button>
        </>
      )}
      <Button variant="ghost" size="sm" className="ml-auto" onClick={clear}>
        <X /> {t("Clear")}
      </Button>
      {tagging ? <TagsDialog ids={ids} onClose={() => setTagging(false)} /> : null}
      <ConfirmDialog
        open={cancelling}
        onClose={() => setCancelling(false)}
        title={t("Cancel {count, plural, one {# run} other {# runs}}?", { count })}
        description={t(
          "Those that run stop after their current call; those that have ended stay as they are.",
        )}
        confirmLabel={t("Cancel them")}
        pending={busy}
        onConfirm={() => {
          setCancelling(false);
          cancelAll(ids);
        }}
      />
    </div>
  );
}
