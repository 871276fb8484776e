import { titlePage } from "@/app/_i18n/server";
import { PageData } from "@/app/_lib/live/page-data";
import { readParams, type GivenParams } from "@/app/_lib/hooks/read-params";
import { readMetricChoice } from "./_components/read-metric-choice";
import { SweepView } from "./_components/sweep-view";

export const generateMetadata = titlePage("Sweep");

interface PageParams {
  params: Promise<{ sweepId: string }>;
  searchParams: GivenParams;
}

export default async function SweepPage({ params, searchParams }: PageParams) {
  const { sweepId } = await params;
  return (
    <PageData
      read={async ({ trpc, client }) =>
        client.prefetchQuery(
          trpc.sweeps.get.queryOptions({
            id: sweepId,
            metrics: readMetricChoice(await readParams(searchParams)),
          }),
        )
      }
    >
      <SweepView sweepId={sweepId} />
    </PageData>
  );
}
