"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import Link from "next/link";
import { useTRPC } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";

type EpisodeNoteProps = { id: string; corpus: string; onClose: () => void };

/** Whose query this is, and which documents are marked as gold. */
export function EpisodeNote({ id, corpus, onClose }: EpisodeNoteProps) {
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
          <span className="text-bad">The episode could not be read: {episode.error.message}</span>
        ) : !detail ? (
          <span className="text-muted-foreground">Reading the episode</span>
        ) : (
          <>
            <span className="text-muted-foreground">From </span>
            <Link
              href={`/runs/${detail.runId}/episodes/${detail.id}`}
              className="font-medium text-primary hover:underline"
            >
              {detail.question.question}
            </Link>
            <span className="text-muted-foreground">
              {detail.question.goldIds.length === 0
                ? " The question names no gold documents."
                : detail.corpus === corpus
                  ? ` Its ${detail.question.goldIds.length} gold documents are marked.`
                  : ` Its gold documents are of the corpus ${detail.corpus}.`}
            </span>
          </>
        )}
      </p>
      <Button
        variant="ghost"
        size="icon-sm"
        className="-m-1"
        aria-label="Let go of the episode"
        onClick={onClose}
      >
        <X />
      </Button>
    </div>
  );
}
