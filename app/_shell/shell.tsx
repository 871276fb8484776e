"use client";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { ConnectionIndicator } from "./connection-indicator";
import { LanguageSwitch } from "./language-switch";
import { BottomBar, Brand, SideLinks } from "./navigation";
import { PaletteButton, PaletteProvider } from "./palette";
import { ShortcutsHelp } from "./shortcuts-help";
import { ThemeSwitch } from "./theme-switch";

/** The frame of every page: a sidebar on wide screens, a top line and a bottom bar on phones; only the page is printed. */
export function Shell({ children }: { children: ReactNode }) {
  const t = useText();
  return (
    <PaletteProvider>
      <div className="min-h-dvh md:pl-48 print:pl-0">
        <a
          href="#content"
          className="sr-only z-50 rounded bg-primary px-3 py-2 text-primary-foreground focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
        >
          {t("Skip to the content")}
        </a>
        <aside className="fixed inset-y-0 left-0 z-20 hidden w-48 flex-col border-r bg-card px-3 py-4 md:flex print:hidden">
          <Brand />
          <PaletteButton className="mt-4" />
          <SideLinks />
          <div className="flex items-center justify-between">
            <ConnectionIndicator />
            <span className="flex">
              <ShortcutsHelp />
              <LanguageSwitch />
              <ThemeSwitch />
            </span>
          </div>
        </aside>
        <header className="sticky top-0 z-20 flex h-12 items-center justify-between border-b bg-card px-4 md:hidden print:hidden">
          <Brand />
          <div className="flex items-center gap-2">
            <ConnectionIndicator />
            <PaletteButton compact />
            <LanguageSwitch />
            <ThemeSwitch />
          </div>
        </header>
        <main
          id="content"
          tabIndex={-1}
          className="mx-auto w-full max-w-[1920px] px-4 pt-5 pb-24 outline-none md:px-6 md:pb-12 print:p-0"
        >
          {children}
        </main>
        <BottomBar />
      </div>
    </PaletteProvider>
  );
}
