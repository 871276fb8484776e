"use client";
import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "./cn";

const badge = cva(
  "inline-flex items-center gap-1 whitespace-nowrap rounded px-1.5 py-px text-2xs font-medium",
  {
    variants: {
      tone: {
        neutral: "bg-muted text-muted-foreground",
        primary: "bg-primary-soft text-primary",
        good: "bg-good-soft text-good",
        warn: "bg-warn-soft text-warn",
        bad: "bg-bad-soft text-bad",
        outline: "border border-input text-muted-foreground",
      },
    },
    defaultVariants: { tone: "neutral" },
  },
);

export type BadgeTone = NonNullable<VariantProps<typeof badge>["tone"]>;

/** A short word with a colour that says how it is meant. */
export function Badge({
  className,
  tone,
  ...props
}: ComponentProps<"span"> & VariantProps<typeof badge>) {
  return <span className={cn(badge({ tone }), className)} {...props} />;
}

/** Marks what is of the example that a new installation shows. */
export function ExampleBadge() {
  const t = useText();
  return (
    <Badge
      tone="outline"
      title={t("Of the example: recorded with this product, not run here")}
      data-example
    >
      {t("example")}
    </Badge>
  );
}

/** Marks a run that was made from another program's files. */
export function ImportedBadge({ from }: { from: string }) {
  const t = useText();
  return (
    <Badge
      tone="warn"
      title={t("Imported from {from}: it was not run here", { from })}
      data-imported
    >
      {t("imported")}
    </Badge>
  );
}
