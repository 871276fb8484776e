import { cn } from "./cn";

interface ProgressProps {
  value: number | null;
  label: string;
  tone?: "primary" | "good" | "bad" | "neutral";
  className?: string;
}

/** A bar from 0 to 1; null where there is nothing to count yet. */
export function Progress({ value, label, tone = "primary", className }: ProgressProps) {
  const fill = {
    primary: "bg-primary",
    good: "bg-good",
    bad: "bg-bad",
    neutral: "bg-muted-foreground",
  }[tone];
  const clamped = value === null ? 0 : Math.min(1, Math.max(0, value));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === null ? undefined : Math.round(clamped * 100)}
      className={cn("h-1.5 overflow-hidden rounded-full bg-muted", className)}
    >
      <div
        className={cn("h-full origin-left rounded-full transition-transform duration-300", fill)}
        style={{ transform: `scaleX(${clamped})` }}
      />
    </div>
  );
}
