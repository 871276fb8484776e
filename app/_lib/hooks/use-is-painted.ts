"use client";
import { useEffect, useState } from "react";

let wasPainted = false;

/**
 * Whether the browser has painted the page that it was opened with: a part that takes longer to load and draw comes after
 * that, so that the rest answers. On later pages true from the start: who comes back to one finds all of it at once.
 */
export function useIsPainted(): boolean {
  const [isPainted, setIsPainted] = useState(wasPainted);
  useEffect(() => {
    if (isPainted) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const finish = (): void => {
      timer = setTimeout(() => {
        wasPainted = true;
        setIsPainted(true);
      }, 0);
    };
    // A page in the background is not painted.
    if (document.hidden) finish();
    const frame = requestAnimationFrame(finish);
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [isPainted]);
  return isPainted;
}
