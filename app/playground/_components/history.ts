"use client";
import { useCallback, useSyncExternalStore } from "react";
import { parseJson } from "@/app/_lib/config/parse-json";

/** Queries that this browser asked, the newest first. Kept in the browser alone. */
const KEY = "s3.playground.history";
const MAX_ENTRIES = 30;

export interface HistoryEntry {
  query: string;
  href: string;
  at: number;
}

const EMPTY: HistoryEntry[] = [];
let text: string | null = null;
let parsed: HistoryEntry[] = EMPTY;
const listeners = new Set<() => void>();

/** Without a schema: those are a sixth of a page's JavaScript. */
function isEntry(value: unknown): value is HistoryEntry {
  const { query, href, at } = (value ?? {}) as Partial<Record<keyof HistoryEntry, unknown>>;
  return (
    typeof query === "string" &&
    typeof href === "string" &&
    href.startsWith("/playground") &&
    typeof at === "number"
  );
}

function readHistory(): HistoryEntry[] {
  let stored: string | null = null;
  try {
    stored = window.localStorage.getItem(KEY);
  } catch {
    return EMPTY;
  }
  if (stored === text) return parsed;
  text = stored;
  const list = parseJson(stored ?? "[]");
  parsed = Array.isArray(list) && list.every(isEntry) ? list : EMPTY;
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
