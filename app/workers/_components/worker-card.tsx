"use client";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { useState } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import {
  formatAgo,
  formatDateTime,
  formatMegabytes,
  formatWords,
  NONE,
} from "@/app/_lib/format/format";
import { computeProgressShare, formatProgress } from "@/app/_lib/run-view";
import { useTRPC, type WorkerRow } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Badge, type BadgeTone } from "@/app/_ui/badge";
import { Card } from "@/app/_ui/card";
import { DisclosureButton } from "@/app/_ui/disclosure-button";
import { FactList, type Fact } from "@/app/_ui/fact-list";
import { LogView } from "@/app/_ui/log-view";
import { Progress } from "@/app/_ui/progress";
import { RunStateBadge } from "@/app/_ui/run-state";
import { Cluster } from "./cluster";
import { UsageCharts } from "./usage-charts";

const SERVICE_TONE: Record<WorkerRow["services"][number]["state"], BadgeTone> = {
  starting: "primary",
  ready: "good",
  failed: "bad",
  stopped: "neutral",
};

function listWorkerFacts(t: Text, { hardware, capabilities, slots, freeSlots }: WorkerRow): Fact[] {
  return [
    [t("Host"), `${hardware.hostname}, ${hardware.platform}`],
    [t("CPU"), t("{model}, {cores} cores", { model: hardware.cpuModel, cores: hardware.cores })],
    [t("Memory"), formatMegabytes(hardware.memoryMb)],
    [
      t("GPU"),
      hardware.gpus.length === 0
        ? t("none")
        : hardware.gpus.map((g) => `${g.name}, ${formatMegabytes(g.memoryMb)}`).join("; "),
    ],
    [t("Computes on"), `${capabilities.device}, ${capabilities.dtype}`],
    ...(capabilities.tinker === undefined
      ? []
      : [[t("Trains at"), t("Tinker service, {url}", { url: capabilities.tinker })] as Fact]),
    [t("Models"), capabilities.models.join(", ") || t("none")],
    [t("Corpora"), capabilities.corpora.join(", ") || t("none")],
    [
      t("Slots"),
      t("{engineUsed} of {engine} engine, {lightUsed} of {light} light in use", {
        engineUsed: slots.engine - freeSlots.engine,
        engine: slots.engine,
        lightUsed: slots.light - freeSlots.light,
        light: slots.light,
      }),
    ],
  ];
}

/** A worker: its machine, what it does now, its services and its log. */
export function WorkerCard({ worker }: { worker: WorkerRow }) {
  const t = useText();
  const now = useNow();
  const online = worker.state === "online";
  const cluster = worker.services.find(
    ({ cluster, state }) => cluster && state === "ready",
  )?.cluster;
  return (
    <Card data-worker={worker.id} aria-label={t("Worker {name}", { name: worker.name })}>
      <header className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b px-4 py-3">
        <h2 className="font-semibold break-all">{worker.name}</h2>
        <Badge tone={online ? "good" : "bad"}>
          <span aria-hidden className="size-1.5 rounded-full bg-current" />{" "}
          {formatWords(t, worker.state)}
        </Badge>
        <span
          className="ml-auto text-xs text-muted-foreground"
          title={t("Attached {at}", { at: formatDateTime(t, worker.attachedAt) })}
        >
          {online
            ? t("attached {ago}", { ago: formatAgo(t, worker.attachedAt, now) })
            : t("last seen {ago}", { ago: formatAgo(t, worker.lastSeenAt, now) })}
        </span>
      </header>
      <div className="grid gap-x-8 gap-y-5 p-4 lg:grid-cols-2">
        <FactList
          className="grid-cols-[6rem_1fr] content-start gap-y-1 text-xs"
          valueClassName="min-w-0 break-words"
          facts={listWorkerFacts(t, worker)}
        />
        <UsageCharts worker={worker} />
        <section aria-label={t("At work")}>
          <h3 className="mb-1.5 text-xs font-semibold text-muted-foreground">{t("At work")}</h3>
          {worker.runs.length + worker.tasks.length === 0 ? (
            <p className="text-xs text-muted-foreground">
              {online ? t("Idle: it takes the next queued run that it can run.") : t("Nothing.")}
            </p>
          ) : null}
          <ul className="space-y-2.5">
            {worker.runs.map((run) => (
              <li key={run.id}>
                <p className="flex items-center gap-2">
                  <Link
                    href={`/runs/${run.id}`}
                    className="min-w-0 truncate font-medium hover:underline"
                  >
                    {run.name}
                  </Link>
                  <RunStateBadge state={run.state} className="ml-auto" />
                </p>
                <Progress
                  className="mt-1"
                  value={computeProgressShare(run.progress)}
                  label={t("Progress of {name}", { name: run.name })}
                />
                <p className="mt-0.5 text-2xs text-muted-foreground">
                  {formatProgress(t, run.progress)}
                </p>
              </li>
            ))}
            {worker.tasks.map((task) => (
              <li key={task.id}>
                <p className="font-medium">{formatWords(t, task.kind)}</p>
                <Progress
                  className="mt-1"
                  value={task.fraction}
                  label={t("Progress of {name}", { name: formatWords(t, task.kind) })}
                />
                <p className="mt-0.5 text-2xs text-muted-foreground">{t.message(task.detail)}</p>
              </li>
            ))}
          </ul>
        </section>
        <Services worker={worker} />
        {online && cluster ? <Cluster cluster={cluster} /> : null}
      </div>
      <WorkerLogs worker={worker} />
    </Card>
  );
}

function Services({ worker }: { worker: WorkerRow }) {
  const t = useText();
  return (
    <section aria-label={t("Services")} className="min-w-0">
      <h3 className="mb-1.5 text-xs font-semibold text-muted-foreground">{t("Services")}</h3>
      {worker.state === "offline" || worker.services.length === 0 ? (
        <p className="text-xs text-muted-foreground">
          {worker.state === "offline"
            ? t("Not known while the worker is offline.")
            : t("None is running. Engine and retriever start when a run needs them.")}
        </p>
      ) : (
        <ul className="space-y-2">
          {worker.services.map((s) => (
            <li key={s.key} className="text-xs">
              <p className="flex flex-wrap items-center gap-x-2.5 gap-y-0.5">
                <span className="font-mono font-medium break-all">{s.key}</span>
                <Badge tone={SERVICE_TONE[s.state]}>{formatWords(t, s.state)}</Badge>
                <span className="ml-auto font-mono text-muted-foreground">
                  {formatMegabytes(s.memoryMb)}
                </span>
              </p>
              <p className="break-words text-muted-foreground">
                {[
                  t.message(s.detail),
                  s.address ?? NONE,
                  t("used by {count}", { count: s.references }),
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </p>
              {s.error ? (
                <p className="break-words whitespace-pre-wrap text-bad">{t.message(s.error)}</p>
              ) : null}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function WorkerLogs({ worker }: { worker: WorkerRow }) {
  const t = useText();
  const trpc = useTRPC();
  const [open, setOpen] = useState(false);
  const query = useQuery(
    trpc.workers.logs.queryOptions(
      { workerId: worker.id, level: "info", limit: 500 },
      { enabled: open },
    ),
  );
  const lines = query.data?.lines ?? worker.logs;
  return (
    <div className="border-t px-4 py-2.5">
      <DisclosureButton open={open} onToggle={() => setOpen(!open)}>
        {t("Log of the agent and its services")}
      </DisclosureButton>
      {open ? (
        lines.length === 0 ? (
          <p className="mt-2 text-xs text-muted-foreground">
            {t("No line that belongs to no run. Lines of a run stand on its page.")}
          </p>
        ) : (
          <LogView lines={lines} className="mt-2 max-h-80" />
        )
      ) : null}
    </div>
  );
}
