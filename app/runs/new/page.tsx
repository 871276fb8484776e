import { Suspense } from "react";
import { titlePage } from "@/app/_i18n/server";
import { PageData } from "@/app/_lib/page-data";
import { readParams, type GivenParams } from "@/app/_lib/read-params";
import { PageSkeleton } from "@/app/_ui/states";
import { NewRunView } from "./_components/new-run-view";

export const generateMetadata = titlePage("New run");

export default function NewRunPage({ searchParams }: { searchParams: GivenParams }) {
  return (
    <Suspense fallback={<PageSkeleton />}>
      <PageData
        read={async ({ trpc, client }) => {
          const from = (await readParams(searchParams)).get("from");
          await Promise.all([
            client.prefetchQuery(trpc.catalogue.presets.queryOptions()),
            client.prefetchQuery(trpc.catalogue.questionSets.queryOptions()),
            client.prefetchQuery(trpc.corpora.list.queryOptions()),
            from && client.prefetchQuery(trpc.runs.get.queryOptions({ id: from })),
          ]);
        }}
      >
        <NewRunView />
      </PageData>
    </Suspense>
  );
}
