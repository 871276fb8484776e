"use client";
import { createContext, useContext, useMemo, useSyncExternalStore, type ReactNode } from "react";

/**
 * The step under the pointer, shared by the charts of a page. It is kept outside React, so that charts are not drawn
 * again.
 */
interface HoverStore {
  get: () => number | null;
  set: (step: number | null) => void;
  /** Returns how to unsubscribe. */
  subscribe: (listener: () => void) => () => void;
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

/** The charts below it share one hovered step. */
export function HoverProvider({ children }: { children: ReactNode }) {
  const store = useMemo(createHoverStore, []);
  return <HoverContext value={store}>{children}</HoverContext>;
}

const detachedStore = createHoverStore();
const getNull = (): null => null;

/** The hovered step of the page, to read and set. Without a provider, a store that no chart shows. */
export const useHoverStore = (): HoverStore => useContext(HoverContext) ?? detachedStore;

/** The hovered step; null where the pointer is on no chart. */
export function useHoveredStep(): number | null {
  const store = useHoverStore();
  return useSyncExternalStore(store.subscribe, store.get, getNull);
}
