"use client";
import { useCallback, useSyncExternalStore } from "react";
import { z } from "zod";

/** Queries that this browser asked, the newest first. Kept in the browser alone. */
const KEY = "s3.playground.history";
const MAX_ENTRIES = 30;

const entriesSchema = z.array(
  z.object({ query: z.string(), href: z.string().startsWith("/playground"), at: z.number() }),
);
export type HistoryEntry = z.infer<typeof entriesSchema>[number];

const EMPTY: HistoryEntry[] = [];
let text: string | null = null;
let parsed: HistoryEntry[] = EMPTY;
const listeners = new Set<() => void>();

function readHistory(): HistoryEntry[] {
  let stored: string | null = null;
  try {
    stored = window.localStorage.getItem(KEY);
  } catch {
    return EMPTY;
  }
  if (stored === text) return parsed;
  text = stored;
  try {
    parsed = entriesSchema.parse(JSON.parse(stored ?? "[]"));
  } catch {
    parsed = EMPTY;
  }
  return parsed;
}

function writeHistory(next: HistoryEntry[]): void {
  try {
    window.localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // The storage is full or forbidden; the history can be missing.
  }
  listeners.forEach((listener) => listener());
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

/** The new list: the entry first, an earlier one with the same address gone. */
export const addEntry = (list: readonly HistoryEntry[], entry: HistoryEntry): HistoryEntry[] =>
  [entry, ...list.filter(({ href }) => href !== entry.href)].slice(0, MAX_ENTRIES);

/** This browser's latest queries, and how to add one and clear all. */
export function useQueryHistory(): {
  entries: HistoryEntry[];
  add: (entry: HistoryEntry) => void;
  clear: () => void;
} {
  const list = useSyncExternalStore(subscribe, readHistory, () => EMPTY);
  const add = useCallback(
    (entry: HistoryEntry) => writeHistory(addEntry(readHistory(), entry)),
    [],
  );
  const clear = useCallback(() => writeHistory([]), []);
  return { entries: list, add, clear };
}
