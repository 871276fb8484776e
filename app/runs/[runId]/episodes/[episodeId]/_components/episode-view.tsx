"use client";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useMemo } from "react";
import { cn } from "@/app/_lib/cn";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/trpc";
import { buildTurnHref } from "@/app/_lib/playground-link";
import { useQueryParams } from "@/app/_lib/use-params";
import { useShortcuts } from "@/app/_lib/use-shortcuts";
import { Button } from "@/app/_ui/button";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { buildLedger } from "@/app/_episode/ledger";
import { EpisodeFacts, EpisodeNavigation, GroupSamples } from "./episode-head";
import { Outcome } from "./outcome";
import { RawSteps } from "./raw-steps";
import { TurnCard } from "@/app/_episode/turn-card";
import { useTurnGains } from "./turn-gains";

/** One episode, turn by turn or as raw text and tokens. Keys: j older, k newer. */
export function EpisodeView({ runId, episodeId }: { runId: string; episodeId: string }) {
  const trpc = useTRPC();
  const router = useRouter();
  const queryClient = useQueryClient();
  const [params, setParams] = useQueryParams();
  const raw = params.get("view") === "raw";
  const query = useQuery(
    trpc.episodes.get.queryOptions({ id: episodeId }, { placeholderData: keepPreviousData }),
  );
  const run = useQuery(trpc.runs.get.queryOptions({ id: runId }));
  const detail = query.data;
  // As in the list, newest first: next is older.
  const next = detail?.previousId ?? null;
  const previous = detail?.nextId ?? null;
  const suffix = raw ? "?view=raw" : "";

  // The neighbours are read ahead, so that going to them does not wait.
  useEffect(() => {
    for (const id of [next, previous])
      if (id)
        void queryClient.prefetchQuery(
          trpc.episodes.get.queryOptions({ id }, { staleTime: 60_000 }),
        );
  }, [next, previous, queryClient, trpc]);

  const buildHref = (id: string | null) => id && `/runs/${runId}/episodes/${id}${suffix}`;
  const open = (href: string | null) => href && router.push(href);
  useShortcuts({ j: () => open(buildHref(next)), k: () => open(buildHref(previous)) });

  const question = detail?.question.question;
  useEffect(() => {
    if (question) document.title = `${question} · s3`;
  }, [question]);

  if (query.isError && !detail)
    return (
      <QueryErrorState title="The episode could not be read" query={query}>
        <Button size="sm" className="mt-3 mr-2" asChild>
          <Link href={`/runs/${runId}?tab=episodes`}>All episodes of the run</Link>
        </Button>
      </QueryErrorState>
    );
  if (!detail)
    return (
      <div className="space-y-4" aria-busy>
        <Skeleton className="h-4 w-48" />
        <Skeleton className="h-7 w-full max-w-2xl" />
        <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          <Skeleton className="h-96" />
          <Skeleton className="h-96" />
        </div>
      </div>
    );
  return (
    <div
      aria-busy={query.isPlaceholderData}
      className={cn(query.isPlaceholderData && "opacity-60 transition-opacity")}
      data-episode-id={detail.id}
    >
      <EpisodeNavigation
        runId={runId}
        runName={run.data?.name ?? "Run"}
        newer={buildHref(previous)}
        older={buildHref(next)}
      />
      <h1 className="mt-2 text-lg leading-7 font-semibold text-balance">
        {detail.question.question}
      </h1>
      <EpisodeFacts detail={detail} />
      <GroupSamples detail={detail} runId={runId} suffix={suffix} />
      <Tabs
        className="mt-3"
        value={raw ? "raw" : "ledger"}
        onValueChange={(v) => setParams({ view: v === "raw" ? "raw" : null })}
      >
        <TabsList aria-label="Views of the episode">
          <TabsTrigger value="ledger">Turn by turn</TabsTrigger>
          <TabsTrigger value="raw">Raw text and tokens</TabsTrigger>
        </TabsList>
        <TabsContent value="ledger">
          <LedgerView key={detail.id} detail={detail} config={run.data?.config ?? null} />
        </TabsContent>
        <TabsContent value="raw">
          <RawSteps steps={detail.record.episode.steps} model={run.data?.model ?? null} />
        </TabsContent>
      </Tabs>
    </div>
  );
}

function LedgerView({ detail, config }: { detail: EpisodeDetail; config: RunConfig | null }) {
  const { record, question, documents } = detail;
  const ledger = useMemo(
    () => buildLedger(record.episode.steps, question.goldIds, documents),
    [record, question, documents],
  );
  const gains = useTurnGains(detail);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
      <ol className="min-w-0 space-y-3 max-lg:order-2" aria-label="Turns">
        {ledger.turns.map((turn) => (
          <TurnCard
            key={turn.index}
            turn={turn}
            gold={ledger.gold}
            gain={gains.byTurn.get(turn.index) ?? null}
            playground={config ? buildTurnHref(turn, config, detail) : null}
          />
        ))}
      </ol>
      <Outcome detail={detail} ledger={ledger} gains={gains} />
    </div>
  );
}
