"use client";
import { Check, Circle, CircleX, LoaderCircle } from "lucide-react";
import { formatSeconds } from "@/app/_lib/format";
import type { RunDetail } from "@/app/_lib/trpc";
import { Card } from "@/app/_ui/card";
import type { PreflightItem } from "@/contracts/worker-protocol/reports";

const ICON: Record<PreflightItem["state"], { icon: typeof Check; className: string }> = {
  waiting: { icon: Circle, className: "text-muted-foreground" },
  running: { icon: LoaderCircle, className: "text-primary motion-safe:animate-spin" },
  ready: { icon: Check, className: "text-good" },
  failed: { icon: CircleX, className: "text-bad" },
};

/** What must be ready before the first step. Shown while it is being prepared, and where it failed. */
export function Preflight({ run }: { run: RunDetail }) {
  const failed = run.preflight.some((i) => i.state === "failed");
  const preparing = run.state === "leased" || run.state === "preparing";
  if (run.preflight.length === 0 || !(preparing || failed)) return null;
  return (
    <Card className="mt-3 px-4 py-3" aria-label="Preflight">
      <h2 className="mb-2 font-medium">Preflight</h2>
      <PreflightList items={run.preflight} />
    </Card>
  );
}

/** Each check of the preflight with its state and time. */
export function PreflightList({ items }: { items: readonly PreflightItem[] }) {
  return (
    <ul className="space-y-1.5" aria-live="polite">
      {items.map((item) => {
        const { icon: Icon, className } = ICON[item.state];
        return (
          <li
            key={item.name}
            className="grid grid-cols-[1rem_6.5rem_1fr_auto] items-start gap-x-2.5 text-xs"
            data-preflight={item.name}
            data-preflight-state={item.state}
          >
            <Icon className={`mt-0.5 size-3.5 ${className}`} aria-label={item.state} />
            <span className="font-medium capitalize">{item.name}</span>
            <span className="min-w-0 text-muted-foreground">
              {item.detail}
              {item.error ? (
                <span className="block break-words whitespace-pre-wrap text-bad">{item.error}</span>
              ) : null}
            </span>
            <span className="font-mono text-muted-foreground">
              {item.seconds === null ? "" : formatSeconds(item.seconds)}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
