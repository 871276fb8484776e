"use client";
import { useEffect, useRef, useState, type RefObject } from "react";

/** Rows that are drawn above and below what is in sight, so that fast scrolling and the keyboard find them. */
const BESIDE = 50;

/** Rows that are drawn first, so that the page shows and answers early: more than fit into most windows. */
const FIRST = 30;

/** The numbers of the rows to draw, the last one excluded. */
interface VisibleRows {
  first: number;
  last: number;
}

/**
 * Which rows of a long list are near enough to be drawn, while the page scrolls.
 *
 * @param rowPixels height of each row; all are equal
 * @returns `box` belongs to the element that holds the rows
 */
export function useVisibleRows<Box extends HTMLElement>(
  count: number,
  rowPixels: number,
): VisibleRows & { box: RefObject<Box | null> } {
  const box = useRef<Box>(null);
  const [rows, setRows] = useState<VisibleRows>({ first: 0, last: FIRST });
  useEffect(() => {
    const measure = () => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      const firstInSight = Math.floor(-top / rowPixels);
      // In tens, so that most scrolling draws nothing anew.
      const first = Math.max(0, 10 * Math.floor((firstInSight - BESIDE) / 10));
      const last = 10 * Math.ceil((firstInSight + window.innerHeight / rowPixels + BESIDE) / 10);
      setRows((was) => (was.first === first && was.last === last ? was : { first, last }));
    };
    measure();
    document.addEventListener("scroll", measure, { capture: true, passive: true });
    window.addEventListener("resize", measure);
    return () => {
      document.removeEventListener("scroll", measure, { capture: true });
      window.removeEventListener("resize", measure);
    };
  }, [rowPixels, count]);
  return { box, first: Math.min(rows.first, count), last: Math.min(rows.last, count) };
}
