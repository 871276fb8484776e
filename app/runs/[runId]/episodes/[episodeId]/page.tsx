import type { Metadata } from "next";
import { Suspense } from "react";
import { EpisodeView } from "./_components/episode-view";

export const metadata: Metadata = { title: "Episode" };

type EpisodePageProps = { params: Promise<{ runId: string; episodeId: string }> };

export default async function EpisodePage({ params }: EpisodePageProps) {
  const { runId, episodeId } = await params;
  return (
    <Suspense>
      <EpisodeView runId={runId} episodeId={episodeId} />
    </Suspense>
  );
}
