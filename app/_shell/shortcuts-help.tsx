"use client";
import { Keyboard } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { listShortcuts, useShortcuts } from "@/app/_lib/hooks/use-shortcuts";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";

/** How a key is written where its name is not what stands on it. */
const KEY_SIGNS: Readonly<Record<string, string>> = { ArrowUp: "↑", ArrowDown: "↓" };

/** The list of the keys that work on the page, opened by `?`; and the keys of every page. */
export function ShortcutsHelp() {
  const t = useText();
  const [open, setOpen] = useState(false);
  useShortcuts({
    "?": { label: t("Show the keys of this page"), run: () => setOpen(true) },
  });
  const shortcuts = [
    { keys: ["Ctrl K"], label: t("Search and go to") },
    ...(open ? listShortcuts() : []),
  ];
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
          {shortcuts.map(({ keys, label }) => (
            <div key={label} className="contents">
              <dt className="flex flex-wrap gap-1">
                {keys.map((key) => (
                  <kbd key={key} className="rounded border bg-muted px-1.5 py-px font-sans text-xs">
                    {KEY_SIGNS[key] ?? key}
                  </kbd>
                ))}
              </dt>
              <dd>{label}</dd>
            </div>
          ))}
        </dl>
      </Dialog>
    </>
  );
}
