import { titlePage } from "@/app/_i18n/server";
import { PageData } from "@/app/_lib/live/page-data";
import { readParams, type GivenParams } from "@/app/_lib/hooks/read-params";
import { chooseKind } from "./_components/choose-kind";
import { NewRunView } from "./_components/new-run-view";

export const generateMetadata = titlePage("New run");

export default function NewRunPage({ searchParams }: { searchParams: GivenParams }) {
  return (
    <PageData
      read={async ({ trpc, client }) => {
        const params = await readParams(searchParams);
        const id = params.get("from");
        const readStart = async () => {
          const presets = client.fetchQuery(trpc.catalogue.presets.queryOptions());
          const from = id ? await client.fetchQuery(trpc.runs.get.queryOptions({ id })) : null;
          const wanted = chooseKind(params, await presets, from);
          await client.prefetchQuery(trpc.catalogue.settings.queryOptions(wanted));
        };
        await Promise.all([
          readStart(),
          client.prefetchQuery(trpc.catalogue.questionSets.queryOptions()),
          client.prefetchQuery(trpc.corpora.list.queryOptions()),
        ]);
      }}
    >
      <NewRunView />
    </PageData>
  );
}
