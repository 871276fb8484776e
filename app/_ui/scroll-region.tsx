import type { ComponentProps } from "react";
import { cn } from "./cn";

/** A box whose content is wider or longer than it. It takes the focus, so that the keyboard can scroll it. */
export function ScrollRegion({
  label,
  role = "region",
  className,
  ...props
}: ComponentProps<"div"> & { label: string }) {
  return (
    <div
      role={role}
      aria-label={label}
      tabIndex={0}
      className={cn("relative overflow-x-auto", className)}
      {...props}
    />
  );
}
