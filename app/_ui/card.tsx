import type { ComponentProps, ReactNode } from "react";
import { cn } from "./cn";

/** A section with a border. */
export function Card({ className, ...props }: ComponentProps<"section">) {
  return <section className={cn("rounded-lg border bg-card", className)} {...props} />;
}

interface CardHeaderProps {
  title: ReactNode;
  description?: ReactNode;
  children?: ReactNode;
  className?: string;
}

/** Title row of a card with what stands on its right. */
export function CardHeader({ title, description, children, className }: CardHeaderProps) {
  return (
    <header className={cn("flex items-start justify-between gap-3 px-4 pt-3", className)}>
      <div className="min-w-0">
        <h2 className="font-medium">{title}</h2>
        {description ? <p className="text-xs text-muted-foreground">{description}</p> : null}
      </div>
      {children ? <div className="flex shrink-0 items-center gap-2">{children}</div> : null}
    </header>
  );
}
