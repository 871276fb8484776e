"use client";
import { Menu as Primitive } from "radix-ui/internal";
import { useRef, type ComponentProps, type RefObject } from "react";

export const Item = Primitive.Item;
export const CheckboxItem = Primitive.CheckboxItem;
export const ItemIndicator = Primitive.ItemIndicator;

/** What trigger and panel of a menu share. */
export interface MenuState {
  open: boolean;
  setOpen: (open: boolean) => void;
  trigger: RefObject<HTMLElement | null>;
  triggerId: string;
  contentId: string;
}

type MenuPanelProps = MenuState & ComponentProps<typeof Primitive.Content>;

/**
 * The open menu, beside its trigger, to which it gives the focus back. As Radix's DropdownMenu, whose trigger however
 * needs all of this to be loaded before anybody opens a menu.
 */
export function MenuPanel({
  open,
  setOpen,
  trigger,
  triggerId,
  contentId,
  ...props
}: MenuPanelProps) {
  // Who presses the right button elsewhere keeps the focus there.
  const wasLeft = useRef(false);
  return (
    <Primitive.Root open={open} onOpenChange={setOpen} modal>
      <Primitive.Anchor virtualRef={trigger} />
      <Primitive.Portal>
        <Primitive.Content
          id={contentId}
          aria-labelledby={triggerId}
          onCloseAutoFocus={(event) => {
            if (!wasLeft.current) trigger.current?.focus();
            wasLeft.current = false;
            event.preventDefault();
          }}
          onInteractOutside={({ detail: { originalEvent } }) => {
            if (originalEvent instanceof PointerEvent)
              wasLeft.current =
                originalEvent.button === 2 || (originalEvent.button === 0 && originalEvent.ctrlKey);
          }}
          {...props}
        />
      </Primitive.Portal>
    </Primitive.Root>
  );
}
