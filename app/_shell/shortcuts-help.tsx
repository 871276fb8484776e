"use client";
import { Keyboard } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { listShortcuts, useShortcuts } from "@/app/_lib/hooks/use-shortcuts";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";

/** The list of the keys that work on the page, opened by `?`; and the keys of every page. */
export function ShortcutsHelp() {
  const t = useText();
  const [open, setOpen] = useState(false);
  useShortcuts({
    "?": { label: t("Show the keys of this page"), run: () => setOpen(true) },
  });
  const keys = [{ key: "Ctrl K", label: t("Search and go to") }, ...(open ? listShortcuts() : [])];
  return (
    <>
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={t("Keys of this page")}
        aria-keyshortcuts="?"
        onClick={() => setOpen(true)}
      >
        <Keyboard />
      </Button>
      <Dialog open={open} onOpenChange={setOpen} title={t("Keys of this page")}>
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2">
          {keys.map(({ key, label }) => (
            <div key={`${key} ${label}`} className="contents">
              <dt>
                <kbd className="rounded border bg-muted px-1.5 py-px font-sans text-xs">{key}</kbd>
              </dt>
              <dd>{label}</dd>
            </div>
          ))}
        </dl>
      </Dialog>
    </>
  );
}
