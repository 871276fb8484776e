"use client";
import { CircleQuestionMark } from "lucide-react";
import { useId, useRef, useState, type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "./cn";
import { defer } from "./deferred";

interface HelpPopoverProps {
  /** What the button asks for: "What is NAME?". */
  name: string;
  /** Stands above the explanation. */
  title: ReactNode;
  className?: string | undefined;
  /** The explanation, or what draws it by parts that are loaded with what it is shown in. */
  children: ReactNode | ((parts: typeof import("./help-panel")) => ReactNode);
}

/** What the explanation is shown in, with the glossary: loaded when the pointer or the focus comes to a button. */
export const helpParts = defer(() => import("./help-panel"));
const preload = (): void => void helpParts.load().catch(() => undefined);

/** A small button that opens an explanation, by click, touch or keyboard. */
export function HelpPopover({ name, title, className, children }: HelpPopoverProps) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLButtonElement>(null);
  const contentId = useId();
  const parts = helpParts.useModule(open);
  return (
    <>
      <button
        ref={trigger}
        type="button"
        aria-label={t("What is {title}?", { title: name })}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-controls={open ? contentId : undefined}
        data-state={open ? "open" : "closed"}
        className={cn(
          "relative z-10 inline-flex size-6 shrink-0 items-center justify-center rounded text-muted-foreground hover:text-foreground",
          className,
        )}
        onPointerEnter={preload}
        onFocus={preload}
        onClick={() => setOpen(!open)}
      >
        <CircleQuestionMark className="size-3.5" aria-hidden />
      </button>
      {parts ? (
        <parts.HelpPanel
          open={open}
          onOpenChange={setOpen}
          trigger={trigger}
          id={contentId}
          name={name}
        >
          <p className="font-medium">{title}</p>
          {typeof children === "function" ? children(parts) : children}
        </parts.HelpPanel>
      ) : null}
    </>
  );
}
