import { PageData } from "@/app/_lib/live/page-data";
import { readParams, type GivenParams } from "@/app/_lib/hooks/read-params";
import { RunsView } from "./_components/runs-view";
import { buildListRequest, readRunsFilter } from "./_components/runs-filter";

export default function RunsPage({ searchParams }: { searchParams: GivenParams }) {
  return (
    <PageData
      read={async ({ trpc, client }) => {
        const params = await readParams(searchParams);
        await Promise.all([
          client.prefetchInfiniteQuery(
            trpc.runs.list.infiniteQueryOptions(
              buildListRequest(readRunsFilter(params), params.get("q") ?? ""),
              { getNextPageParam: (page) => page.nextCursor },
            ),
          ),
          client.prefetchQuery(trpc.savedViews.list.queryOptions({ kind: "runs" })),
        ]);
      }}
    >
      <RunsView />
    </PageData>
  );
}
