"use client";
import { Radio, TriangleAlert } from "lucide-react";
import { useQuery } from "@tanstack/react-query";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime } from "@/app/_lib/format/format";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { cn } from "@/app/_ui/cn";
import { Help } from "@/app/_ui/help";

/** How a run of another trainer stands, as far as its trainer says. */
export function ExternalPhase({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.externalRuns.get.queryOptions({ runId: run.id }));
  const isWarning = run.state === "stalled" || run.state === "failed";
  const Icon = isWarning ? TriangleAlert : Radio;
  return (
    <p
      role="status"
      data-external-phase={run.state}
      className={cn(
        "mt-3 flex min-h-10 items-center gap-2 text-muted-foreground",
        isWarning && "rounded-md bg-warn-soft px-3 py-2 text-warn",
      )}
    >
      <Icon className="size-4 shrink-0" aria-hidden />
      <span>{describeState(t, run, query.data ? formatDateTime(t, query.data.heardAt) : "…")}</span>
      <Help term="external-run" />
    </p>
  );
}

function describeState(t: Text, { state, endedAt }: RunDetail, heard: string): string {
  const ended = endedAt === null ? heard : formatDateTime(t, endedAt);
  if (state === "stalled")
    return t(
      "Nothing was heard of its trainer since {heard}: it may have died, or it computes for long. Its next report wakes the run.",
      { heard },
    );
  if (state === "failed")
    return t(
      "Its trainer reported at {ended} that it failed. The reason stands in the trainer's own log.",
      {
        ended,
      },
    );
  if (state === "succeeded")
    return t("Its trainer reported at {ended} that it finished.", { ended });
  if (state === "cancelled") return t("Ended at {ended}, by its trainer or by hand.", { ended });
  return t("Another trainer makes this run and reports it live; last heard {heard}.", {
    heard,
  });
}
