"use client";
import { createContext, useContext, useMemo, useSyncExternalStore, type ReactNode } from "react";

/** The step under the pointer, shared by all charts of a page. Kept outside React, so that charts do not draw anew. */
interface HoverStore {
  get(): number | null;
  set(step: number | null): void;
  subscribe(listener: () => void): () => void;
}

function createHoverStore(): HoverStore {
  let step: number | null = null;
  const listeners = new Set<() => void>();
  return {
    get: () => step,
    set(next) {
      if (next === step) return;
      step = next;
      listeners.forEach((l) => l());
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const HoverContext = createContext<HoverStore | null>(null);

export function HoverProvider({ children }: { children: ReactNode }) {
  const store = useMemo(createHoverStore, []);
  return <HoverContext value={store}>{children}</HoverContext>;
}

const detachedStore = createHoverStore();
const getNull = (): null => null;

export const useHoverStore = (): HoverStore => useContext(HoverContext) ?? detachedStore;

export function useHoveredStep(): number | null {
  const store = useHoverStore();
  return useSyncExternalStore(store.subscribe, store.get, getNull);
}
