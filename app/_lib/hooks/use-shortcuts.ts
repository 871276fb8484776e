"use client";
import { useEffect } from "react";

/** What a key does: `label` says it in the list of keys, in the page's language. */
export interface Shortcut {
  label: string;
  run: () => void;
}
type Shortcuts = Readonly<Record<string, Shortcut | (() => void)>>;

/** The keys of everything that is mounted, in the order in which it was. */
const mounted = new Set<Shortcuts>();

/** The keys that work on this page now, each with what it does. */
export const listShortcuts = (): { key: string; label: string }[] =>
  [...mounted].flatMap((shortcuts) =>
    Object.entries(shortcuts).flatMap(([key, shortcut]) =>
      typeof shortcut === "function" ? [] : [{ key, label: shortcut.label }],
    ),
  );

/** Whether an element takes what is typed, or lies in a dialog or menu: no shortcut of the page may fire there. */
const isTaken = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable ||
    ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) ||
    target.closest("[role=dialog], [role=menu]") !== null);

/** Runs the action of a key that is pressed anywhere on the page, alone and not while someone types. */
export function useShortcuts(shortcuts: Shortcuts): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.metaKey || event.ctrlKey || event.altKey || isTaken(event.target)) return;
      const found = Object.hasOwn(shortcuts, event.key) ? shortcuts[event.key] : undefined;
      if (!found) return;
      event.preventDefault();
      if (typeof found === "function") found();
      else found.run();
    };
    mounted.add(shortcuts);
    window.addEventListener("keydown", onKey);
    return () => {
      mounted.delete(shortcuts);
      window.removeEventListener("keydown", onKey);
    };
  });
}
