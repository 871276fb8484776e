"use client";
import { ChevronLeft, ChevronRight } from "lucide-react";
import Link from "next/link";
import type { ReactNode } from "react";
import { cn } from "@/app/_lib/cn";
import { formatNumber, formatWords } from "@/app/_lib/format";
import type { EpisodeDetail } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { ScoreMark } from "@/app/_ui/score-mark";

interface EpisodeNavigationProps {
  runId: string;
  runName: string;
  /** Address of the newer episode; null where there is none. */
  newer: string | null;
  older: string | null;
}

/** The way back to the run, and to the neighbouring episodes. */
export function EpisodeNavigation({ runId, runName, newer, older }: EpisodeNavigationProps) {
  return (
    <div className="flex items-center justify-between gap-3">
      <nav
        aria-label="Breadcrumb"
        className="flex min-w-0 items-center gap-1 text-xs text-muted-foreground"
      >
        <Link href={`/runs/${runId}`} className="truncate hover:text-foreground">
          {runName}
        </Link>
        <ChevronRight className="size-3.5 shrink-0" aria-hidden />
        <Link href={`/runs/${runId}?tab=episodes`} className="shrink-0 hover:text-foreground">
          Episodes
        </Link>
      </nav>
      <div className="flex shrink-0 items-center gap-1.5">
        <CopyLink />
        <NeighbourLink href={newer} label="Newer episode" shortcut="k">
          <ChevronLeft />
        </NeighbourLink>
        <NeighbourLink href={older} label="Older episode" shortcut="j">
          <ChevronRight />
        </NeighbourLink>
      </div>
    </div>
  );
}

function CopyLink() {
  const url = typeof window === "undefined" ? "" : window.location.href;
  return <CopyButton size="sm" variant="ghost" text={url} label="Copy link" />;
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

type GroupSamplesProps = { detail: EpisodeDetail; runId: string; suffix: string };

/** The other samples of the question in this step: the group whose mean is the baseline. */
export function GroupSamples({ detail, runId, suffix }: GroupSamplesProps) {
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
