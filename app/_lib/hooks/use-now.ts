"use client";
import { useSyncExternalStore } from "react";

/** One clock for the page: all durations change together, and it runs only while something shows it. */
const TICK_MS = 1000;
let now = 0;
let timer: ReturnType<typeof setInterval> | null = null;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    listeners.forEach((l) => l());
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

const readClock = (): number => {
  if (now === 0 || timer === null) now = Date.now();
  return now;
};

/** Milliseconds since the epoch, at most a second old; 0 while rendering on the server. */
export const useNow = (): number => useSyncExternalStore(subscribe, readClock, () => 0);
