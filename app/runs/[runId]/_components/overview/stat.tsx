import type { ReactNode } from "react";
import { HEAD_HELP } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import type { GlossaryTerm } from "@/core/glossary/term-titles";

interface StatProps {
  label: string;
  value: string;
  /** The term of the glossary that explains it. */
  term?: GlossaryTerm;
  children?: ReactNode;
}

/** One number with its name, what that means and what it is compared with. */
export function Stat({ label, value, term, children }: StatProps) {
  return (
    <div className="min-w-0 px-3 py-2">
      <dt className="flex items-center text-2xs text-muted-foreground">
        <span className="truncate">{label}</span>
        {term ? <Help term={term} name={label} className={HEAD_HELP} /> : null}
      </dt>
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
