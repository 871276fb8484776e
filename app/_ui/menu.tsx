"use client";
import { Check } from "lucide-react";
import {
  createContext,
  useContext,
  useId,
  useMemo,
  useRef,
  useState,
  type ComponentProps,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
} from "react";
import { cn } from "./cn";
import { defer } from "./deferred";
import type { MenuState } from "./menu-panel";
import { Slot } from "./slot";

/** What menus are made of: loaded when the pointer or the focus comes to one. */
export const menuParts = defer(() => import("./menu-panel"));
const preload = (): void => void menuParts.load().catch(() => undefined);

const MenuContext = createContext<MenuState | null>(null);
function useMenu(): MenuState {
  const menu = useContext(MenuContext);
  if (menu === null) throw new Error("A menu's parts stand in a Menu.");
  return menu;
}

/** A button with a menu: MenuTrigger and MenuContent. */
export function Menu({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLElement | null>(null);
  const triggerId = useId();
  const contentId = useId();
  const state = useMemo(
    () => ({ open, setOpen, trigger, triggerId, contentId }),
    [open, triggerId, contentId],
  );
  return <MenuContext value={state}>{children}</MenuContext>;
}

/** The button that opens the menu: its one child. By pointer the menu opens as it goes down, as menus of systems do. */
export function MenuTrigger({ children }: { children: ReactNode; asChild: true }) {
  const { open, setOpen, trigger, triggerId, contentId } = useMenu();
  const onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0 || event.ctrlKey) return;
    setOpen(!open);
    // The menu takes the focus, not the button.
    if (!open) event.preventDefault();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!["Enter", " ", "ArrowDown"].includes(event.key)) return;
    setOpen(event.key === "ArrowDown" || !open);
    event.preventDefault();
  };
  return (
    <Slot
      ref={trigger}
      id={triggerId}
      aria-haspopup="menu"
      aria-expanded={open}
      aria-controls={open ? contentId : undefined}
      data-state={open ? "open" : "closed"}
      onPointerEnter={preload}
      onFocus={preload}
      onPointerDown={onPointerDown}
      onKeyDown={onKeyDown}
    >
      {children}
    </Slot>
  );
}

type Parts = typeof import("./menu-panel");
type PanelProps = Omit<ComponentProps<Parts["MenuPanel"]>, keyof MenuState>;

/** The items of a menu. */
export function MenuContent({ className, ...props }: PanelProps) {
  const menu = useMenu();
  const parts = menuParts.useModule(menu.open);
  if (parts === null) return null;
  return (
    <parts.MenuPanel
      {...menu}
      align="end"
      sideOffset={4}
      className={cn("z-50 min-w-40 rounded-md border bg-card p-1 shadow-md", className)}
      {...props}
    />
  );
}

/** An action or a link in a menu. */
export function MenuItem({ className, ...props }: ComponentProps<Parts["Item"]>) {
  const parts = menuParts.useModule(true);
  if (parts === null) return null;
  return (
    <parts.Item
      className={cn(
        "flex cursor-pointer items-center gap-2 rounded px-2 py-1.5 outline-none select-none data-[disabled]:pointer-events-none data-[disabled]:opacity-50 data-[highlighted]:bg-muted [&_svg]:size-3.5 [&_svg]:text-muted-foreground",
        className,
      )}
      {...props}
    />
  );
}

/** A choice in a menu that stays open, to make several. */
export function MenuCheckboxItem({
  className,
  children,
  ...props
}: ComponentProps<Parts["CheckboxItem"]>) {
  const parts = menuParts.useModule(true);
  if (parts === null) return null;
  return (
    <parts.CheckboxItem
      className={cn(
        "relative flex cursor-pointer items-center rounded py-1.5 pr-2 pl-7 outline-none select-none data-[highlighted]:bg-muted",
        className,
      )}
      onSelect={(event: Event) => event.preventDefault()}
      {...props}
    >
      <parts.ItemIndicator className="absolute left-2">
        <Check className="size-3.5" aria-hidden />
      </parts.ItemIndicator>
      {children}
    </parts.CheckboxItem>
  );
}
