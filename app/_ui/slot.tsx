"use client";
import {
  cloneElement,
  isValidElement,
  useCallback,
  type HTMLAttributes,
  type ReactElement,
  type ReactNode,
  type Ref,
} from "react";
import { cn } from "./cn";

type Props = Record<string, unknown>;
type Handler = (...values: unknown[]) => void;

function setRef(ref: Ref<HTMLElement> | undefined, element: HTMLElement | null): void {
  if (typeof ref === "function") ref(element);
  else if (ref) ref.current = element;
}

/** Both handlers, that of the child first. */
const joinHandlers =
  (own: Handler, given: Handler): Handler =>
  (...values) => {
    own(...values);
    given(...values);
  };

/** What the child gets: its own props count more; handlers are both called and class names joined. */
function mergeProps(given: Props, own: Props): Props {
  const merged: Props = { ...given, ...own };
  for (const [name, value] of Object.entries(given)) {
    const other = own[name];
    if (/^on[A-Z]/.test(name) && typeof value === "function")
      // A handler that the child has only at times is undefined in between, and takes none away.
      merged[name] =
        typeof other === "function" ? joinHandlers(other as Handler, value as Handler) : value;
  }
  if (given.className !== undefined)
    merged.className = cn(given.className, own.className as string | undefined);
  return merged;
}

type SlotProps = HTMLAttributes<HTMLElement> & {
  ref?: Ref<HTMLElement> | undefined;
  children?: ReactNode;
};

/** Gives its props to its one child, an element, in place of an element of its own: a link gets the look of a button. */
export function Slot({ children, ref: given, ...props }: SlotProps) {
  const child: ReactElement<Props> | null = isValidElement<Props>(children) ? children : null;
  const own = child?.props.ref as Ref<HTMLElement> | undefined;
  const ref = useCallback(
    (element: HTMLElement | null) => {
      setRef(given, element);
      setRef(own, element);
    },
    [given, own],
  );
  if (child === null) throw new Error("A slot has one element in it.");
  return cloneElement(child, { ...mergeProps(props as Props, child.props), ref });
}
