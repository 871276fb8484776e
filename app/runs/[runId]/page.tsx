import { redirect } from "next/navigation";
import { titlePage } from "@/app/_i18n/server";
import { PageData } from "@/app/_lib/live/page-data";
import { readParams, type GivenParams } from "@/app/_lib/hooks/read-params";
import { buildEpisodesRequest, parseEpisodeFilter } from "@/app/_episode/episode-filter";
import { runIdSchema } from "@/contracts/records/run-id";
import { RunView } from "./_components/run-view";
import { TRAIN_METRICS } from "./_components/metrics/train-metrics";

export const generateMetadata = titlePage("Run");

interface PageParams {
  params: Promise<{ runId: string }>;
  searchParams: GivenParams;
}

export default async function RunPage({ params, searchParams }: PageParams) {
  const { runId } = await params;
  // Whoever has an id from MLflow has it without hyphens.
  const id = runIdSchema.safeParse(runId).data ?? runId;
  if (id !== runId) redirect(`/runs/${id}?${await readParams(searchParams)}`);
  return (
    <PageData
      read={async ({ trpc, client }) => {
        const address = await readParams(searchParams);
        const isOnEpisodes = address.get("tab") === "episodes";
        await Promise.all([
          client.prefetchQuery(trpc.runs.get.queryOptions({ id: runId })),
          client.prefetchQuery(trpc.alarms.list.queryOptions({ runId })),
          client.prefetchQuery(trpc.runs.learning.queryOptions({ ids: [runId] })),
          isOnEpisodes && client.prefetchQuery(trpc.episodes.facets.queryOptions({ runId })),
          isOnEpisodes &&
            client.prefetchInfiniteQuery(
              trpc.episodes.list.infiniteQueryOptions(
                buildEpisodesRequest(runId, parseEpisodeFilter(address)),
                { getNextPageParam: (page) => page.nextCursor },
              ),
            ),
        ]);
      }}
    >
      <RunView runId={runId} trainMetrics={TRAIN_METRICS} />
    </PageData>
  );
}
