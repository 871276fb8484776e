import { ChevronRight } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "./cn";

/** Opens and closes what follows it. */
export function DisclosureButton({
  open,
  onToggle,
  className,
  children,
  ...props
}: ComponentProps<"button"> & { open: boolean; onToggle: () => void }) {
  return (
    <button
      type="button"
      aria-expanded={open}
      onClick={onToggle}
      className={cn(
        "flex items-center gap-1 text-xs font-medium text-muted-foreground hover:text-foreground",
        className,
      )}
      {...props}
    >
      <ChevronRight
        className={cn("size-3.5 transition-transform", open && "rotate-90")}
        aria-hidden
      />
      {children}
    </button>
  );
}
