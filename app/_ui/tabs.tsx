"use client";
import { createContext, use, useId, type ComponentProps, type KeyboardEvent } from "react";
import { cn } from "./cn";

interface Choice {
  value: string;
  choose: (value: string) => void;
  /** Begins the ids of the tabs and of what they show. */
  id: string;
}

const ChoiceContext = createContext<Choice | null>(null);

/** The choice that a tab or what it shows belongs to, and its own part in it. */
function useChoice(of: string) {
  const choice = use(ChoiceContext);
  if (choice === null) throw new Error("A part of tabs must stand in Tabs.");
  const isChosen = choice.value === of;
  return {
    isChosen,
    choose: () => {
      if (!isChosen) choice.choose(of);
    },
    state: isChosen ? "active" : "inactive",
    tabId: `${choice.id}-tab-${of}`,
    panelId: `${choice.id}-panel-${of}`,
  };
}

type TabsProps = ComponentProps<"div"> & {
  value: string;
  onValueChange: (value: string) => void;
};

/**
 * Parts of a page of which one is shown, by the pattern of the ARIA Authoring Practices: arrows, Home and End move
 * between tabs and show what they come to.
 */
export function Tabs({ value, onValueChange, ...props }: TabsProps) {
  const id = useId();
  return (
    <ChoiceContext value={{ value, choose: onValueChange, id }}>
      <div {...props} />
    </ChoiceContext>
  );
}

/** Where a key leads from a tab among so many; null: nowhere. */
function findNextTab(key: string, at: number, count: number): number | null {
  switch (key) {
    case "ArrowRight":
      return (at + 1) % count;
    case "ArrowLeft":
      return (at - 1 + count) % count;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const tabs = [...event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]")];
  const at = tabs.findIndex((tab) => tab === event.target);
  const next = at < 0 ? null : findNextTab(event.key, at, tabs.length);
  if (next === null) return;
  event.preventDefault();
  tabs[next]?.focus();
}

/** The row of tabs. */
export function TabsList({ className, ...props }: ComponentProps<"div">) {
  return (
    <div
      role="tablist"
      aria-orientation="horizontal"
      tabIndex={-1}
      className={cn(
        "relative flex gap-4 overflow-x-auto border-b outline-none [scrollbar-width:none]",
        className,
      )}
      onKeyDown={moveFocus}
      {...props}
    />
  );
}

type PartProps<E extends "button" | "div"> = ComponentProps<E> & { value: string };

/** One tab. */
export function TabsTrigger({ className, value, ...props }: PartProps<"button">) {
  const { isChosen, choose, state, tabId, panelId } = useChoice(value);
  return (
    <button
      type="button"
      role="tab"
      id={tabId}
      aria-selected={isChosen}
      aria-controls={panelId}
      data-state={state}
      tabIndex={isChosen ? 0 : -1}
      className={cn(
        "-mb-px shrink-0 border-b-2 border-transparent px-0.5 py-2 font-medium text-muted-foreground transition-colors hover:text-foreground data-[state=active]:border-primary data-[state=active]:text-foreground",
        className,
      )}
      onClick={choose}
      onFocus={choose}
      {...props}
    />
  );
}

/** What a tab shows; nothing of it is drawn while another tab is chosen. */
export function TabsContent({ className, value, children, ...props }: PartProps<"div">) {
  const { isChosen, state, tabId, panelId } = useChoice(value);
  return (
    <div
      role="tabpanel"
      id={panelId}
      aria-labelledby={tabId}
      data-state={state}
      hidden={!isChosen}
      tabIndex={0}
      className={cn("pt-4 outline-none", className)}
      {...props}
    >
      {isChosen ? children : null}
    </div>
  );
}
