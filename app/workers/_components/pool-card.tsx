"use client";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pause, Pencil, Play, Plug, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatNumber, formatSeconds } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { DisclosureButton } from "@/app/_ui/disclosure-button";
import { ErrorState } from "@/app/_ui/states";
import { useNotify } from "@/app/_ui/toast";
import type { PoolRow } from "@/contracts/api/pools";
import { describeTarget, POOL_KINDS } from "./pool-texts";
import { PoolWorkerItem } from "./pool-worker-item";

/** A pool: what it is, what it costs, why it starts none, its test, and its workers. */
export function PoolCard({ pool, onEdit }: { pool: PoolRow; onEdit: () => void }) {
  const t = useText();
  const live = pool.workers.filter(({ endedAt }) => endedAt === null);
  const ended = pool.workers.filter(({ endedAt }) => endedAt !== null);
  const [areEndedShown, setEndedShown] = useState(false);
  const place = describeTarget(pool.target);
  const costs = [
    pool.costPerHour > 0
      ? t("{cost} an hour each", { cost: formatNumber(pool.costPerHour) })
      : t("free"),
    ...(pool.cost > 0 ? [t("{cost} so far", { cost: formatNumber(pool.cost) })] : []),
  ];
  return (
    <li className="border-b px-4 py-3 last:border-0" data-pool={pool.name}>
      <div className="flex flex-wrap items-start gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1">
          <p className="flex flex-wrap items-center gap-2">
            <span className="font-medium">{pool.name}</span>
            {pool.paused ? <Badge tone="warn">{t("paused")}</Badge> : null}
          </p>
          <p className="text-xs break-words text-muted-foreground">
            {[t(POOL_KINDS[pool.target.kind]), ...(place ? [place] : []), ...costs].join(" · ")}
          </p>
          <p className="text-xs text-muted-foreground">
            {t(
              "{live} of at most {quota, plural, one {# worker} other {# workers}}; ended after {idle} without work; {waiting, plural, =0 {no run waits for it} one {# run waits for it} other {# runs wait for it}}",
              {
                live: live.length,
                quota: pool.quota,
                idle: formatSeconds(pool.idleSeconds),
                waiting: pool.waiting,
              },
            )}
          </p>
          {pool.error ? (
            <p role="alert" className="text-xs break-words whitespace-pre-wrap text-bad">
              {t.message(pool.error)}
            </p>
          ) : null}
        </div>
        <PoolButtons pool={pool} onEdit={onEdit} />
      </div>
      <ul>
        {live.map((worker) => (
          <PoolWorkerItem key={worker.id} worker={worker} />
        ))}
      </ul>
      {ended.length > 0 ? (
        <>
          <DisclosureButton
            className="mt-1"
            open={areEndedShown}
            onToggle={() => setEndedShown(!areEndedShown)}
          >
            {t("Earlier workers ({count})", { count: ended.length })}
          </DisclosureButton>
          {areEndedShown ? (
            <ul>
              {ended.map((worker) => (
                <PoolWorkerItem key={worker.id} worker={worker} />
              ))}
            </ul>
          ) : null}
        </>
      ) : null}
    </li>
  );
}

function PoolButtons({ pool, onEdit }: { pool: PoolRow; onEdit: () => void }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const [removing, setRemoving] = useState(false);
  const shared = {
    onSettled: () => void queryClient.invalidateQueries(trpc.pools.pathFilter()),
    onError: (error: { message: string }) => notify("bad", `${pool.name}: ${error.message}`),
  };
  const test = useMutation(trpc.pools.test.mutationOptions());
  const start = useMutation(trpc.pools.startWorker.mutationOptions(shared));
  const pause = useMutation(trpc.pools.pause.mutationOptions(shared));
  const remove = useMutation(trpc.pools.remove.mutationOptions(shared));
  const { id, name, paused } = pool;
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <Button size="sm" disabled={test.isPending} onClick={() => test.mutate({ id })}>
          <Plug /> {test.isPending ? t("Trying") : t("Try it")}
        </Button>
        <Button size="sm" disabled={start.isPending} onClick={() => start.mutate({ id })}>
          <Plus /> {t("Start a worker")}
        </Button>
        <Button
          size="sm"
          disabled={pause.isPending}
          onClick={() => pause.mutate({ id, paused: !paused })}
        >
          {paused ? <Play /> : <Pause />} {paused ? t("Resume") : t("Pause")}
        </Button>
        <Button
          size="icon-sm"
          variant="ghost"
          aria-label={t("Edit {name}", { name })}
          onClick={onEdit}
        >
          <Pencil />
        </Button>
        <Button
          size="icon-sm"
          variant="ghost"
          aria-label={t("Remove {name}", { name })}
          onClick={() => setRemoving(true)}
        >
          <Trash2 />
        </Button>
      </div>
      <ErrorState
        className="basis-full"
        title={t("{name} would start none", { name })}
        error={test.error}
      />
      {test.data ? (
        <div role="status" className="basis-full rounded-md border bg-muted px-3 py-2 text-xs">
          <p className="font-medium whitespace-pre-wrap">{test.data.said}</p>
          <p className="mt-2 text-muted-foreground">{t("It would be given:")}</p>
          <pre className="overflow-x-auto font-mono whitespace-pre-wrap">{test.data.script}</pre>
        </div>
      ) : null}
      <ConfirmDialog
        open={removing}
        onClose={() => setRemoving(false)}
        title={t("Remove {name}?", { name })}
        description={t("What is known of its earlier workers, and their cost, goes with it.")}
        confirmLabel={t("Remove")}
        pending={remove.isPending}
        onConfirm={() => remove.mutate({ id }, { onSettled: () => setRemoving(false) })}
      />
    </>
  );
}
