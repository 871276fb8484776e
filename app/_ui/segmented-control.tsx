import type { ReactNode } from "react";
import { cn } from "./cn";
import { Button } from "./button";

/** A choice of one among a few, side by side. */
export function SegmentedControl<T extends string>({
  label,
  value,
  options,
  text,
  onChange,
}: {
  label: string;
  value: T;
  options: readonly T[];
  text: (value: T) => ReactNode;
  onChange: (value: T) => void;
}) {
  return (
    <div
      role="group"
      aria-label={label}
      className="relative flex max-w-full overflow-x-auto rounded-md border border-input bg-card p-0.5"
    >
      {options.map((option) => (
        <Button
          key={option}
          variant="ghost"
          size="sm"
          aria-pressed={option === value}
          className={cn("h-6.5", option === value && "bg-muted text-foreground")}
          onClick={() => option !== value && onChange(option)}
        >
          {text(option)}
        </Button>
      ))}
    </div>
  );
}
