"use client";
import { useEffect, useState, type RefObject } from "react";
import { flushSync } from "react-dom";
import { queueDrawing } from "./draw-queue";

/** How far beyond the window something is drawn already. */
const MARGIN = "300px 0px";

/** Whether an element is in the window, or nearly so. Before a print, everything is. */
export function useInSight(ref: RefObject<Element | null>): boolean {
  const [isInSight, setInSight] = useState(typeof IntersectionObserver === "undefined");
  useEffect(() => {
    const element = ref.current;
    if (!element || typeof IntersectionObserver === "undefined") return;
    let cancel = (): void => undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        cancel();
        const next = entries.at(-1)!.isIntersecting;
        cancel = queueDrawing(() => setInSight(next));
      },
      { rootMargin: MARGIN },
    );
    observer.observe(element);
    const show = (): void => flushSync(() => setInSight(true));
    window.addEventListener("beforeprint", show);
    return () => {
      cancel();
      observer.disconnect();
      window.removeEventListener("beforeprint", show);
    };
  }, [ref]);
  return isInSight;
}
