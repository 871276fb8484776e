"use client";
import { Popper } from "radix-ui/internal";
import { Portal } from "radix-ui";
import type { ReactNode, RefObject } from "react";

interface TooltipPanelProps {
  anchor: RefObject<HTMLElement | null>;
  id: string;
  side: "top" | "right" | "bottom" | "left";
  onPointerEnter: () => void;
  onPointerLeave: () => void;
  children: ReactNode;
}

/** The open tooltip beside what it is about. The pointer may go to it. */
export function TooltipPanel({ anchor, id, side, children, ...pointer }: TooltipPanelProps) {
  return (
    <Popper.Root>
      <Popper.Anchor virtualRef={anchor} />
      <Portal.Root>
        <Popper.Content
          id={id}
          role="tooltip"
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 max-w-80 rounded-md border bg-card px-2.5 py-1.5 text-xs shadow-md"
          {...pointer}
        >
          {children}
        </Popper.Content>
      </Portal.Root>
    </Popper.Root>
  );
}
