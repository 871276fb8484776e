"use client";
import { Search } from "lucide-react";
import dynamic from "next/dynamic";
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { Button } from "@/app/_ui/button";

/** Loaded when it is opened first: no page needs it to be shown. */
const PaletteDialog = dynamic(() => import("./palette-dialog").then((m) => m.PaletteDialog), {
  ssr: false,
});

const PaletteContext = createContext<() => void>(() => {});

/** Opens the palette with Ctrl-K or Cmd-K, from anywhere on the page, also while someone types. */
export function PaletteProvider({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const [everOpen, setEverOpen] = useState(false);
  const change = (next: boolean): void => {
    setOpen(next);
    setEverOpen(true);
  };
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey)
        return;
      event.preventDefault();
      setEverOpen(true);
      setOpen((before) => !before);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <PaletteContext value={() => change(true)}>
      {children}
      {everOpen ? <PaletteDialog open={open} onOpenChange={change} /> : null}
    </PaletteContext>
  );
}

/** Opens the palette; `compact` is an icon alone. */
export function PaletteButton({ compact, className }: { compact?: boolean; className?: string }) {
  const t = useText();
  const open = useContext(PaletteContext);
  if (compact)
    return (
      <Button variant="ghost" size="icon-sm" aria-label={t("Search and go to")} onClick={open}>
        <Search />
      </Button>
    );
  return (
    <Button
      aria-label={t("Search and go to")}
      aria-keyshortcuts="Control+K Meta+K"
      className={cn("justify-start px-2 font-normal text-muted-foreground", className)}
      onClick={open}
    >
      <Search className="size-3.5!" /> {t("Search")}
      <kbd className="ml-auto rounded border px-1 font-sans text-2xs">Ctrl K</kbd>
    </Button>
  );
}
