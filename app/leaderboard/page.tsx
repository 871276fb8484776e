import { titlePage } from "@/app/_i18n/server";
import { PageData } from "@/app/_lib/live/page-data";
import { readParams, type GivenParams } from "@/app/_lib/hooks/read-params";
import { LeaderboardView } from "./_components/leaderboard-view";

export const generateMetadata = titlePage("Leaderboard");

export default function LeaderboardPage({ searchParams }: { searchParams: GivenParams }) {
  return (
    <PageData
      read={async ({ trpc, client }) => {
        const params = await readParams(searchParams);
        await Promise.all([
          client.prefetchQuery(
            trpc.leaderboard.get.queryOptions({
              scope: params.get("scope"),
              reference: params.get("reference"),
            }),
          ),
          client.prefetchQuery(trpc.leaderboard.published.queryOptions()),
          client.prefetchQuery(trpc.catalogue.questionSets.queryOptions()),
          client.prefetchQuery(trpc.catalogue.presets.queryOptions()),
          client.prefetchQuery(trpc.runs.checkpointChoices.queryOptions({ chosen: null })),
        ]);
      }}
    >
      <LeaderboardView />
    </PageData>
  );
}
