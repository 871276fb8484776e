"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime, formatNumber, formatSeconds } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { DisclosureButton } from "@/app/_ui/disclosure-button";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { useNotify } from "@/app/_ui/toast";
import type { PoolWorkerRow } from "@/contracts/api/pools";
import { WORKER_STATES } from "./pool-texts";

/** A worker that a pool has started: its state, its reason, the end of its log, and a button that ends it. */
export function PoolWorkerItem({ worker }: { worker: PoolWorkerRow }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [isLogOpen, setLogOpen] = useState(false);
  const end = useMutation(
    trpc.pools.endWorker.mutationOptions({
      onSettled: () => void queryClient.invalidateQueries(trpc.pools.pathFilter()),
      onError: (error) => notify("bad", error.message),
    }),
  );
  const { name, state, detail, reason, logTail, externalId, cost } = worker;
  const { text, tone } = WORKER_STATES[state];
  const seconds = worker.startedAt
    ? (Number(worker.endedAt ?? new Date()) - Number(worker.startedAt)) / 1_000
    : null;
  const facts = [
    t("requested {at}", { at: formatDateTime(t, worker.requestedAt) }),
    ...(externalId ? [t("job {id}", { id: externalId })] : []),
    ...(detail ? [t.message(detail)] : []),
    ...(seconds === null ? [] : [t("ran {time}", { time: formatSeconds(Math.max(0, seconds)) })]),
    ...(cost > 0 ? [t("cost {cost}", { cost: formatNumber(cost) })] : []),
  ];
  const isLive = worker.endedAt === null;
  return (
    <li className="flex flex-wrap items-start gap-x-3 gap-y-1 py-1.5" data-pool-worker={state}>
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-center gap-2">
          <span className="font-mono text-xs break-all">{name}</span>
          <Badge tone={tone}>{t(text)}</Badge>
        </p>
        <p className="text-xs break-words text-muted-foreground">{facts.join(" · ")}</p>
        {reason ? (
          <p
            className={
              state === "failed"
                ? "text-xs break-words text-bad"
                : "text-xs break-words text-muted-foreground"
            }
          >
            {t.message(reason)}
          </p>
        ) : null}
        {logTail ? (
          <>
            <DisclosureButton open={isLogOpen} onToggle={() => setLogOpen(!isLogOpen)}>
              {t("End of its log")}
            </DisclosureButton>
            {isLogOpen ? (
              <ScrollRegion
                label={t("End of the log of {name}", { name })}
                className="mt-1 max-h-64 overflow-auto rounded-md border bg-muted px-3 py-2"
              >
                <pre className="font-mono text-xs whitespace-pre-wrap">{logTail}</pre>
              </ScrollRegion>
            ) : null}
          </>
        ) : null}
      </div>
      {isLive && state !== "ending" ? (
        <Button
          size="sm"
          variant="danger"
          disabled={end.isPending}
          onClick={() => end.mutate({ id: worker.id })}
          aria-label={t("End {name}", { name })}
        >
          {t("End")}
        </Button>
      ) : null}
    </li>
  );
}
