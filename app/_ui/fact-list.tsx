import type { ReactNode } from "react";
import { cn } from "./cn";

/** A name and its value. */
export type Fact = readonly [name: string, value: ReactNode];

type FactListProps = { facts: readonly Fact[]; className: string; valueClassName: string };

/** Names on the left, values on the right. The class sets the width of the columns. */
export function FactList({ facts, className, valueClassName }: FactListProps) {
  return (
    <dl className={cn("grid", className)}>
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted-foreground">{name}</dt>
          <dd className={valueClassName}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
