import { Search } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "./cn";
import { Input } from "./field";

/** A search field. `label` is its accessible name; `onText` gets what is typed. */
export function SearchInput({
  label,
  onText,
  className = "min-w-44 flex-1 md:max-w-72",
  ...props
}: ComponentProps<"input"> & { label: string; onText: (text: string) => void }) {
  return (
    <div className={cn("relative", className)}>
      <Search
        className="pointer-events-none absolute top-2 left-2.5 size-4 text-muted-foreground"
        aria-hidden
      />
      <Input
        type="search"
        aria-label={label}
        className="pl-8"
        onChange={(event) => onText(event.target.value)}
        {...props}
      />
    </div>
  );
}
