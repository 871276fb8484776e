"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { Link } from "@/app/_ui/link";
import { useEffect, useMemo, type ReactNode } from "react";
import { buildLedger } from "@/app/_episode/ledger";
import { TurnCard } from "@/app/_episode/turn-card";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { buildTurnHref } from "@/app/_lib/playground-link";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { EpisodeFacts, EpisodeNavigation, GroupSamples } from "./episode-head";
import { EpisodeComments, EpisodeLabels } from "./episode-notes";
import { Outcome } from "./outcome";
import { SameQuestion } from "./same-question";
import { useTurnGains } from "./turn-gains";
import { useNeighbours } from "./use-neighbours";

// Views that few open: they know what a worker's tasks take and answer.
const RawSteps = dynamic(() => import("./raw-steps").then((m) => m.RawSteps));
const WhatIfView = dynamic(() => import("./what-if-view").then((m) => m.WhatIfView));

const VIEWS = {
  ledger: markText("Turn by turn"),
  raw: markText("Raw text and tokens"),
  "what-if": markText("What if"),
  elsewhere: markText("Same question elsewhere"),
} as const;
type View = keyof typeof VIEWS;

/** One episode, turn by turn, as raw text and tokens, played again with a change, or beside its question's others. */
export function EpisodeView({ runId, episodeId }: { runId: string; episodeId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const asked = params.get("view") ?? "";
  const view: View = asked in VIEWS ? (asked as View) : "ledger";
  const query = useQuery(
    trpc.episodes.get.queryOptions({ id: episodeId }, { placeholderData: keepPreviousData }),
  );
  const run = useQuery(trpc.runs.get.queryOptions({ id: runId }));
  const neighbours = useNeighbours(runId, episodeId);
  const detail = query.data;

  const question = detail?.question.question;
  useEffect(() => {
    if (question) document.title = `${question} · s3`;
  }, [question]);

  if (query.isError && !detail)
    return (
      <QueryErrorState title={t("The episode could not be read")} query={query}>
        <Button size="sm" className="mt-3 mr-2" asChild>
          <Link href={`/runs/${runId}?tab=episodes`}>{t("All episodes of the run")}</Link>
        </Button>
      </QueryErrorState>
    );
  if (!detail) return <EpisodeSkeleton isRaw={view === "raw"} />;
  const config = run.data?.config ?? null;
  return (
    <div
      aria-busy={query.isPlaceholderData}
      className={cn(query.isPlaceholderData && "opacity-60 transition-opacity")}
      data-episode-id={detail.id}
    >
      <EpisodeNavigation
        detail={detail}
        runId={runId}
        runName={run.data?.name ?? t("Run")}
        neighbours={neighbours}
      />
      <h1 className="mt-2 text-lg leading-7 font-semibold text-balance">
        {detail.question.question}
      </h1>
      <EpisodeFacts detail={detail} />
      <GroupSamples detail={detail} buildHref={neighbours.buildHref} />
      <EpisodeLabels key={detail.id} episodeId={detail.id} />
      <Tabs
        className="mt-3"
        value={view}
        onValueChange={(next) =>
          setParams({ view: next === "ledger" ? null : next, turn: null, change: null })
        }
      >
        <TabsList aria-label={t("Views of the episode")}>
          {Object.entries(VIEWS).map(([value, title]) => (
            <TabsTrigger key={value} value={value}>
              {t(title)}
            </TabsTrigger>
          ))}
        </TabsList>
        <TabsContent value={view}>
          <EpisodeTab
            key={detail.id}
            view={view}
            detail={detail}
            config={config}
            model={run.data?.model ?? null}
            buildHref={neighbours.buildHref}
          />
        </TabsContent>
      </Tabs>
      <EpisodeComments key={`comments ${detail.id}`} episodeId={detail.id} />
    </div>
  );
}

interface EpisodeTabProps {
  view: View;
  detail: EpisodeDetail;
  /** Null until the run is read. */
  config: RunConfig | null;
  model: string | null;
  buildHref: (id: string, changes?: Record<string, string | null>) => string;
}

function EpisodeTab({ view, detail, config, model, buildHref }: EpisodeTabProps): ReactNode {
  const t = useText();
  switch (view) {
    case "ledger":
      return <LedgerView detail={detail} config={config} buildHref={buildHref} />;
    case "raw":
      return (
        <RawSteps
          steps={detail.record.episode.steps}
          model={model}
          advantage={detail.record.advantage}
        />
      );
    case "what-if":
      if (config === null) return <Skeleton className="h-96" />;
      if (config.kind !== "train" && config.kind !== "predict")
        return (
          <EmptyState title={t("Nothing to play again")}>
            {t("Rankings of a retriever have no turns and no answer.")}
          </EmptyState>
        );
      return <WhatIfView detail={detail} config={config} />;
    case "elsewhere":
      return <SameQuestion detail={detail} />;
  }
}

/** In the size of what comes, so that nothing moves when it is there. */
function EpisodeSkeleton({ isRaw }: { isRaw: boolean }) {
  return (
    <div className="space-y-4" aria-busy>
      <Skeleton className="h-7 w-48" />
      <Skeleton className="h-7 w-full max-w-2xl" />
      <Skeleton className="h-24" />
      {isRaw ? (
        <Skeleton className="h-screen" />
      ) : (
        <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
          <Skeleton className="h-screen" />
          <Skeleton className="h-96" />
        </div>
      )}
    </div>
  );
}

function LedgerView({
  detail,
  config,
  buildHref,
}: Pick<EpisodeTabProps, "detail" | "config" | "buildHref">) {
  const t = useText();
  const { record, question, documents } = detail;
  const ledger = useMemo(
    () => buildLedger(record.episode.steps, question.goldIds, documents),
    [record, question, documents],
  );
  const gains = useTurnGains(detail);
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
      <ol className="min-w-0 space-y-3 max-lg:order-2" aria-label={t("Turns")}>
        {ledger.turns.map((turn) => (
          <TurnCard
            key={turn.index}
            turn={turn}
            gold={ledger.gold}
            gain={gains.byTurn.get(turn.index) ?? null}
            playground={config ? buildTurnHref(turn, config, detail) : null}
            answers={question.answers}
            whatIf={
              record.episode.method === "s3"
                ? buildHref(detail.id, { view: "what-if", turn: String(turn.index) })
                : null
            }
          />
        ))}
      </ol>
      <Outcome detail={detail} ledger={ledger} gains={gains} />
    </div>
  );
}
