"use client";
import { Check, CircleAlert } from "lucide-react";
import { cn } from "@/app/_lib/cn";
import type { PresetRow } from "@/app/_lib/trpc";
import { Badge } from "@/app/_ui/badge";

/** Where to begin. A preset that no attached worker can run says what is missing. */
export function PresetCards({ presets, chosen, onChoose }: { presets: PresetRow[]; chosen: string | null; onChoose: (preset: PresetRow) => void }) {
  return (
    <section aria-label="Presets" className="mt-4 grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
      {presets.map((preset) => {
        const unmet = preset.requirements.filter((r) => !r.ok);
        return (
          <button
            key={preset.id}
            type="button"
            aria-pressed={preset.id === chosen}
            data-preset={preset.id}
            onClick={() => onChoose(preset)}
            className={cn("flex min-h-28 flex-col rounded-lg border bg-card p-3 text-left transition-colors hover:border-muted-foreground/50", preset.id === chosen && "border-primary ring-1 ring-primary hover:border-primary")}
          >
            <span className="flex w-full items-start justify-between gap-2">
              <span className="font-medium">{preset.title}</span>
              {preset.ready ? (
                <Badge tone="good">
                  <Check className="size-3" aria-hidden /> ready
                </Badge>
              ) : (
                <Badge tone="warn">not here</Badge>
              )}
            </span>
            <span className="mt-1 text-xs text-muted-foreground">{preset.description}</span>
            {unmet.length > 0 ? (
              <span className="mt-auto block space-y-0.5 pt-2 text-xs text-warn">
                {unmet.map((r) => (
                  <span key={r.name} className="flex gap-1.5">
                    <CircleAlert className="mt-0.5 size-3.5 shrink-0" aria-hidden />
                    <span>{r.detail}</span>
                  </span>
                ))}
              </span>
            ) : null}
          </button>
        );
      })}
    </section>
  );
}
