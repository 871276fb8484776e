import type { Metadata } from "next";
import { Suspense } from "react";
import { EpisodeView } from "./_components/episode-view";

export const metadata: Metadata = { title: "Episode" };

export default async function EpisodePage({
  params,
}: {
  params: Promise<{ runId: string; episodeId: string }>;
}) {
  const { runId, episodeId } = await params;
  return (
    <Suspense>
      <EpisodeView runId={runId} episodeId={episodeId} />
    </Suspense>
  );
}
