import { titlePage } from "@/app/_i18n/server";
import { EpisodeView } from "./_components/episode-view";

export const generateMetadata = titlePage("Episode");

type EpisodePageProps = { params: Promise<{ runId: string; episodeId: string }> };

export default async function EpisodePage({ params }: EpisodePageProps) {
  const { runId, episodeId } = await params;
  return <EpisodeView runId={runId} episodeId={episodeId} />;
}
