"use client";
import { useEffect } from "react";

/** What a key does: `label` says it in the list of keys, in the page's language. */
export interface Shortcut {
  label: string;
  /** Null: the browser does it by itself, so the key is only listed. */
  run: (() => void) | null;
}
type Shortcuts = Readonly<Record<string, Shortcut>>;

/** The keys of everything that is mounted, in the order in which it was. */
const mounted = new Set<Shortcuts>();

/** What the keys of this page do now, each with the keys that do it. */
export function listShortcuts(): { keys: string[]; label: string }[] {
  const keysByLabel = new Map<string, string[]>();
  for (const [key, { label }] of [...mounted].flatMap((shortcuts) => Object.entries(shortcuts)))
    keysByLabel.set(label, [...(keysByLabel.get(label) ?? []), key]);
  return [...keysByLabel].map(([label, keys]) => ({ keys, label }));
}

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
      const run = Object.hasOwn(shortcuts, event.key) ? shortcuts[event.key]?.run : null;
      if (!run) return;
      event.preventDefault();
      run();
    };
    mounted.add(shortcuts);
    window.addEventListener("keydown", onKey);
    return () => {
      mounted.delete(shortcuts);
      window.removeEventListener("keydown", onKey);
    };
  });
}
