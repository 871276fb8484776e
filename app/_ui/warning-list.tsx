import { TriangleAlert } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "./cn";

/** Warnings, one sentence each; nothing where there is none. */
export function WarningList({
  warnings,
  className,
  ...props
}: ComponentProps<"ul"> & { warnings: readonly string[] }) {
  if (warnings.length === 0) return null;
  return (
    <ul
      className={cn("space-y-1.5 rounded-md bg-warn-soft px-3 py-2 text-xs", className)}
      {...props}
    >
      {warnings.map((warning) => (
        <li key={warning} className="flex gap-2">
          <TriangleAlert className="mt-0.5 size-3.5 shrink-0 text-warn" aria-hidden /> {warning}
        </li>
      ))}
    </ul>
  );
}
