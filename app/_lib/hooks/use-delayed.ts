"use client";
import { useEffect, useState } from "react";

/** How long nothing must be typed before the server searches. */
export const SEARCH_DELAY_MS = 150;

/** A value once it has not changed for so long; the value before until then. */
export function useDelayed<T>(value: T, milliseconds: number): T {
  const [delayed, setDelayed] = useState(value);
  useEffect(() => {
    const wait = setTimeout(() => setDelayed(value), milliseconds);
    return () => clearTimeout(wait);
  }, [value, milliseconds]);
  return delayed;
}
