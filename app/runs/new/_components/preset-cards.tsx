"use client";
import { Check, CircleAlert } from "lucide-react";
import { cn } from "@/app/_lib/cn";
import type { PresetRow } from "@/app/_lib/trpc";
import { Badge } from "@/app/_ui/badge";
import type { RunKind } from "@/contracts/records/run-state";

const GROUPS: readonly { kind: RunKind; title: string }[] = [
  { kind: "train", title: "Train a searcher" },
  { kind: "predict", title: "Answer questions" },
  { kind: "evaluate", title: "Measure retrieval" },
  { kind: "serve", title: "Serve" },
  { kind: "index", title: "Index" },
];

interface PresetCardsProps {
  presets: PresetRow[];
  chosen: string | null;
  onChoose: (preset: PresetRow) => void;
}

/** Presets by kind of run; those that can run here come first. */
export function PresetCards({ presets, ...choice }: PresetCardsProps) {
  return (
    <section aria-label="Presets" className="mt-4 space-y-4">
      {GROUPS.map(({ kind, title }) => {
        const ofKind = presets
          .filter((preset) => preset.config.kind === kind)
          .sort((a, b) => Number(b.ready) - Number(a.ready));
        return ofKind.length === 0 ? null : (
          <div key={kind}>
            <h2 className="text-xs font-medium text-muted-foreground">{title}</h2>
            <div className="mt-1.5 grid gap-2 sm:grid-cols-2 lg:grid-cols-3 xl:grid-cols-4">
              {ofKind.map((preset) => (
                <PresetCard key={preset.id} preset={preset} {...choice} />
              ))}
            </div>
          </div>
        );
      })}
    </section>
  );
}

/** A preset that no attached worker can run says what is missing. */
function PresetCard({
  preset,
  chosen,
  onChoose,
}: Omit<PresetCardsProps, "presets"> & { preset: PresetRow }) {
  const unmet = preset.requirements.filter((r) => !r.ok);
  return (
    <button
      type="button"
      aria-pressed={preset.id === chosen}
      data-preset={preset.id}
      onClick={() => onChoose(preset)}
      className={cn(
        "flex flex-col rounded-lg border bg-card px-3 py-2 text-left transition-colors hover:border-muted-foreground/50",
        preset.id === chosen && "border-primary ring-1 ring-primary hover:border-primary",
      )}
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
      <span className="mt-0.5 text-xs text-muted-foreground">{preset.description}</span>
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
}
