"use client";
import { useEffect, useId, useRef, useState, type PointerEvent, type ReactNode } from "react";
import { defer } from "./deferred";
import { Slot } from "./slot";

interface TooltipProps {
  content: ReactNode;
  children: ReactNode;
  side?: "top" | "right" | "bottom" | "left";
}

const OPEN_MS = 250;
/** Time for the pointer to get from what the tooltip is about to the tooltip. */
const CLOSE_MS = 150;

/** What a tooltip is shown in: loaded when the pointer or the focus comes to something that has one. */
export const tooltipParts = defer(() => import("./tooltip-panel"));
const preload = (): void => void tooltipParts.load().catch(() => undefined);

/**
 * Shows more about what it wraps, each by itself: the frame of the page needs none. What users must know is
 * never only here, so that nothing is said where it cannot be loaded.
 */
export function Tooltip({ content, children, side = "top" }: TooltipProps) {
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const id = useId();
  const parts = tooltipParts.useOptionalModule(open);
  const change = (next: boolean, afterMs = 0): void => {
    clearTimeout(timer.current);
    timer.current = undefined;
    if (afterMs === 0) setOpen(next);
    else timer.current = setTimeout(() => setOpen(next), afterMs);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (!open) return;
    const onKeyDown = ({ key }: KeyboardEvent): void => {
      if (key === "Escape") setOpen(false);
    };
    // What is scrolled away is no longer what the pointer is on.
    const onScroll = ({ target }: Event): void => {
      if (target instanceof Node && target.contains(anchor.current)) setOpen(false);
    };
    document.addEventListener("keydown", onKeyDown);
    window.addEventListener("scroll", onScroll, { capture: true });
    return () => {
      document.removeEventListener("keydown", onKeyDown);
      window.removeEventListener("scroll", onScroll, { capture: true });
    };
  }, [open]);
  return (
    <>
      <Slot
        ref={anchor}
        aria-describedby={open && parts ? id : undefined}
        data-state={open ? "open" : "closed"}
        onPointerEnter={({ pointerType }: PointerEvent) => {
          // A finger has no place to rest: it presses what it touches.
          if (pointerType === "touch") return;
          preload();
          change(true, open ? 0 : OPEN_MS);
        }}
        onPointerLeave={() => change(false, CLOSE_MS)}
        onPointerDown={() => change(false)}
        onFocus={({ target }: { target: Element }) => {
          preload();
          if (target.matches(":focus-visible")) change(true);
        }}
        onBlur={() => change(false)}
      >
        {children}
      </Slot>
      {open && parts ? (
        <parts.TooltipPanel
          anchor={anchor}
          id={id}
          side={side}
          onPointerEnter={() => change(true)}
          onPointerLeave={() => change(false, CLOSE_MS)}
        >
          {content}
        </parts.TooltipPanel>
      ) : null}
    </>
  );
}
