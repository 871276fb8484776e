import type { ReactNode } from "react";

type StatProps = { label: string; value: string; children?: ReactNode };

/** One number with its name and what it is compared with. */
export function Stat({ label, value, children }: StatProps) {
  return (
    <div className="min-w-0 px-3 py-2">
      <dt className="truncate text-2xs text-muted-foreground">{label}</dt>
      <dd className="mt-0.5 font-mono text-base leading-6 font-medium">{value}</dd>
      <dd className="min-h-4 truncate text-2xs text-muted-foreground">{children}</dd>
    </div>
  );
}

/** Several numbers in a row. */
export const StatStrip = ({ children }: { children: ReactNode }) => (
  <dl className="grid grid-cols-2 divide-border rounded-lg border bg-card sm:grid-cols-3 xl:grid-cols-6">
    {children}
  </dl>
);
