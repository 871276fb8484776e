"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type EpisodeDetail } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";

type EpisodeNoteProps = { id: string; corpus: string; onClose: () => void };

/** Whose query this is, and which documents are marked as gold. */
export function EpisodeNote({ id, corpus, onClose }: EpisodeNoteProps) {
  const t = useText();
  const trpc = useTRPC();
  const episode = useQuery(trpc.episodes.get.queryOptions(id ? { id } : skipToken));
  const detail = episode.data;
  return (
    <div
      className="mt-3 flex items-start gap-3 rounded-md border bg-card px-3 py-2 text-xs"
      data-testid="episode-note"
    >
      <p className="min-w-0 flex-1">
        {episode.isError ? (
          <span className="text-bad">
            {t("The episode could not be read: {message}", {
              message: t.message(episode.error.message),
            })}
          </span>
        ) : !detail ? (
          <span className="text-muted-foreground">{t("Reading the episode")}</span>
        ) : (
          <Origin detail={detail} corpus={corpus} />
        )}
      </p>
      <Button
        variant="ghost"
        size="icon-sm"
        className="-m-1"
        aria-label={t("Let go of the episode")}
        onClick={onClose}
      >
        <X />
      </Button>
    </div>
  );
}

/** The episode's question, and what its gold documents are here. */
function Origin({ detail, corpus }: { detail: EpisodeDetail; corpus: string }) {
  const t = useText();
  const { goldIds, question } = detail.question;
  const values = {
    question,
    note: (text: ReactNode) => <span className="text-muted-foreground">{text}</span>,
    link: (text: ReactNode) => (
      <Link
        href={`/runs/${detail.runId}/episodes/${detail.id}`}
        className="font-medium text-primary hover:underline"
      >
        {text}
      </Link>
    ),
  };
  if (goldIds.length === 0)
    return t.rich(
      "<note>From</note> <link>{question}</link> <note>The question names no gold documents.</note>",
      values,
    );
  if (detail.corpus === corpus)
    return t.rich(
      "<note>From</note> <link>{question}</link> <note>Its {count} gold documents are marked.</note>",
      { ...values, count: goldIds.length },
    );
  return t.rich(
    "<note>From</note> <link>{question}</link> <note>Its gold documents are of the corpus {corpus}.</note>",
    { ...values, corpus: detail.corpus },
  );
}
