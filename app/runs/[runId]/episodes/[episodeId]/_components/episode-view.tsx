"use client";
import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft, ChevronRight } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useEffect, useMemo } from "react";
import { cn } from "@/app/_lib/cn";
import { formatNumber, formatWords } from "@/app/_lib/format";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/trpc";
import { buildTurnHref } from "@/app/_lib/playground-link";
import { useQueryParams } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { ScoreMark } from "@/app/_ui/score-mark";
import { ErrorState, Skeleton } from "@/app/_ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { buildLedger } from "./ledger";
import { Outcome } from "./outcome";
import { RawSteps } from "./raw-steps";
import { TurnCard } from "./turn-card";
import { useTurnGains } from "./turn-gains";

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

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
  // As in the list, where the newest stands on top: down is older.
  const next = detail?.previousId ?? null;
  const previous = detail?.nextId ?? null;
  const suffix = raw ? "?view=raw" : "";

  // The neighbours are read ahead, so that leafing through does not wait.
  useEffect(() => {
    for (const id of [next, previous])
      if (id)
        void queryClient.prefetchQuery(
          trpc.episodes.get.queryOptions({ id }, { staleTime: 60_000 }),
        );
  }, [next, previous, queryClient, trpc]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      const to = event.key === "j" ? next : event.key === "k" ? previous : null;
      if (to) router.push(`/runs/${runId}/episodes/${to}${suffix}`);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [next, previous, router, runId, suffix]);

  const question = detail?.question.question;
  useEffect(() => {
    if (question) document.title = `${question} · s3`;
  }, [question]);

  if (query.isError && !detail)
    return (
      <ErrorState
        title="The episode could not be read"
        error={query.error}
        onRetry={() => void query.refetch()}
      >
        <Button size="sm" className="mt-3 mr-2" asChild>
          <Link href={`/runs/${runId}?tab=episodes`}>All episodes of the run</Link>
        </Button>
      </ErrorState>
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
      <div className="flex items-center justify-between gap-3">
        <nav
          aria-label="Breadcrumb"
          className="flex min-w-0 items-center gap-1 text-xs text-muted-foreground"
        >
          <Link href={`/runs/${runId}`} className="truncate hover:text-foreground">
            {run.data?.name ?? "Run"}
          </Link>
          <ChevronRight className="size-3.5 shrink-0" aria-hidden />
          <Link href={`/runs/${runId}?tab=episodes`} className="shrink-0 hover:text-foreground">
            Episodes
          </Link>
        </nav>
        <div className="flex shrink-0 items-center gap-1.5">
          <CopyLink />
          <StepLink
            href={previous ? `/runs/${runId}/episodes/${previous}${suffix}` : null}
            label="Newer episode"
            shortcut="k"
          >
            <ChevronLeft />
          </StepLink>
          <StepLink
            href={next ? `/runs/${runId}/episodes/${next}${suffix}` : null}
            label="Older episode"
            shortcut="j"
          >
            <ChevronRight />
          </StepLink>
        </div>
      </div>
      <h1 className="mt-2 text-lg leading-7 font-semibold text-balance">
        {detail.question.question}
      </h1>
      <Facts detail={detail} />
      <Siblings detail={detail} runId={runId} suffix={suffix} />
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

function CopyLink() {
  const url = typeof window === "undefined" ? "" : window.location.href;
  return <CopyButton size="sm" variant="ghost" text={url} label="Copy link" />;
}

function StepLink({
  href,
  label,
  shortcut,
  children,
}: {
  href: string | null;
  label: string;
  shortcut: string;
  children: React.ReactNode;
}) {
  if (!href)
    return (
      <Button size="icon-sm" disabled aria-label={label}>
        {children}
      </Button>
    );
  return (
    <Button size="icon-sm" asChild>
      <Link
        href={href}
        aria-label={label}
        aria-keyshortcuts={shortcut}
        title={`${label} (${shortcut})`}
      >
        {children}
      </Link>
    </Button>
  );
}

function Facts({ detail }: { detail: EpisodeDetail }) {
  const { record, question } = detail;
  const facts = [
    record.step === null
      ? formatWords(record.phase)
      : `step ${record.step}, ${formatWords(record.phase)}`,
    `method ${record.episode.method}`,
    `protocol ${record.episode.protocol}`,
    question.type ? `type ${question.type}` : null,
    question.group ? `group ${question.group}` : null,
    `${detail.questionSet} ${question.id}`,
  ].filter((f) => f !== null);
  return <p className="mt-1 text-xs break-words text-muted-foreground">{facts.join(" · ")}</p>;
}

/** The other samples of the question in this step: the group whose mean is the baseline. */
function Siblings({
  detail,
  runId,
  suffix,
}: {
  detail: EpisodeDetail;
  runId: string;
  suffix: string;
}) {
  if (detail.siblings.length < 2) return null;
  return (
    <nav
      aria-label="Samples of this question in this step"
      className="mt-2 flex flex-wrap items-center gap-1.5 text-xs"
    >
      <span className="text-muted-foreground">Samples of the group</span>
      {detail.siblings.map((s) => (
        <Link
          key={s.id}
          href={`/runs/${runId}/episodes/${s.id}${suffix}`}
          aria-current={s.id === detail.id ? "page" : undefined}
          className={cn(
            "flex items-center gap-1 rounded-md border bg-card px-2 py-0.5 hover:border-muted-foreground/50",
            s.id === detail.id && "border-primary ring-1 ring-primary",
          )}
        >
          {s.sampleIndex + 1} <ScoreMark score={s.score} />{" "}
          <span className="font-mono text-muted-foreground">{formatNumber(s.reward)}</span>
        </Link>
      ))}
    </nav>
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
