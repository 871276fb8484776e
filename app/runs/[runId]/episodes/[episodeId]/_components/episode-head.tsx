"use client";
import { ChevronLeft, ChevronRight, MessageCircleQuestion } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { type ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { buildAskHref } from "@/app/_lib/ask-link";
import { cn } from "@/app/_ui/cn";
import { formatNumber, formatWords } from "@/app/_lib/format/format";
import type { EpisodeDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { ScoreMark } from "@/app/_ui/score-mark";
import type { Neighbours } from "./use-neighbours";

interface EpisodeNavigationProps {
  detail: EpisodeDetail;
  runId: string;
  runName: string;
  neighbours: Neighbours;
}

/** The way back to the run and the list, to the neighbours in it, and copies of link and record. */
export function EpisodeNavigation({ detail, runId, runName, neighbours }: EpisodeNavigationProps) {
  const t = useText();
  const { previous, next, place, list } = neighbours;
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-3 gap-y-1">
      <nav
        aria-label={t("Breadcrumb")}
        className="flex min-w-0 items-center gap-1 text-xs leading-6 text-muted-foreground"
      >
        <Link href={`/runs/${runId}`} className="truncate hover:text-foreground">
          {runName}
        </Link>
        <ChevronRight className="size-3.5 shrink-0" aria-hidden />
        <Link href={list} className="shrink-0 hover:text-foreground">
          {t("Episodes")}
        </Link>
      </nav>
      <div className="flex flex-wrap items-center gap-1.5">
        <Button size="sm" variant="ghost" asChild>
          <Link href={buildAskHref({ question: detail.question.question, corpus: detail.corpus })}>
            <MessageCircleQuestion /> {t("Ask")}
          </Link>
        </Button>
        <CopyButton
          size="sm"
          variant="ghost"
          text={() => JSON.stringify(detail, null, 2)}
          label={t("Copy JSON")}
        />
        <CopyButton
          size="sm"
          variant="ghost"
          text={() => window.location.href}
          label={t("Copy link")}
        />
        <span className="min-w-14 text-right font-mono text-2xs text-muted-foreground">
          {place}
        </span>
        <NeighbourLink href={previous} label={t("Previous episode")} shortcut="k">
          <ChevronLeft />
        </NeighbourLink>
        <NeighbourLink href={next} label={t("Next episode")} shortcut="j">
          <ChevronRight />
        </NeighbourLink>
      </div>
    </div>
  );
}

interface NeighbourLinkProps {
  href: string | null;
  label: string;
  shortcut: string;
  children: ReactNode;
}

function NeighbourLink({ href, label, shortcut, children }: NeighbourLinkProps) {
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

/** Where the episode comes from. */
export function EpisodeFacts({ detail }: { detail: EpisodeDetail }) {
  const t = useText();
  const { record, question } = detail;
  const facts = [
    record.step === null
      ? formatWords(t, record.phase)
      : t("step {step}, {phase}", { step: record.step, phase: formatWords(t, record.phase) }),
    t("method {method}", { method: record.episode.method }),
    t("protocol {protocol}", { protocol: record.episode.protocol }),
    question.type ? t("type {type}", { type: question.type }) : null,
    question.group ? t("group {group}", { group: question.group }) : null,
    `${detail.questionSet} ${question.id}`,
  ].filter((f) => f !== null);
  return <p className="mt-1 text-xs break-words text-muted-foreground">{facts.join(" · ")}</p>;
}

type GroupSamplesProps = { detail: EpisodeDetail; buildHref: Neighbours["buildHref"] };

/** The other samples of the question in this step: the group whose mean is the baseline. */
export function GroupSamples({ detail, buildHref }: GroupSamplesProps) {
  const t = useText();
  if (detail.siblings.length < 2) return null;
  return (
    <nav
      aria-label={t("Samples of this question in this step")}
      className="mt-2 flex flex-wrap items-center gap-1.5 text-xs"
    >
      <span className="text-muted-foreground">{t("Samples of the group")}</span>
      {detail.siblings.map((s) => (
        <Link
          key={s.id}
          href={buildHref(s.id)}
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
