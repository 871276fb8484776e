import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createTRPCClient } from "@trpc/client";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { buildTurnHref } from "@/app/_lib/playground-link";
import { TRPCProvider, type EpisodeDetail, type RunDetail } from "@/app/_lib/live/trpc";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import type { EpisodeStep } from "@/contracts/records/episode";
import type { AppRouter } from "@/server/trpc/router";
import { EpisodeColumns } from "./episode-columns";

const RUN = "2f1d4f6a-8c2b-4a55-9d07-0d2f0f3f5b11";
const ids = ["2f1d4f6a-8c2b-4a55-9d07-0d2f0f3f5b12", "2f1d4f6a-8c2b-4a55-9d07-0d2f0f3f5b13"];
const queries = ["the question", "capital of Peru"];
const steps = queries.map((query, turn): EpisodeStep => ({
  kind: "retrieve",
  turn,
  seconds: 1,
  query,
  documents: [{ id: "a", hash: "h", score: 1 }],
}));
const config = {
  kind: "train",
  retriever: retrieverSchema.parse({ kind: "bm25", k1: 1.5 }),
} as unknown as RunDetail["config"];

/** What of an episode is shown. */
const episode = (id: string) =>
  ({
    id,
    corpus: "wiki",
    documents: {},
    gold: [],
    question: { goldIds: [] },
    record: {
      episode: { steps, context: [] },
      answer: { text: "Lima" },
      score: { value: 1 },
      attribution: "correct",
    },
  }) as unknown as EpisodeDetail;

/** The columns of two episodes of one run, as the page shows them once these are in the cache. */
function html(run: Partial<RunDetail> | null): string {
  const queryClient = new QueryClient();
  const trpcClient = createTRPCClient<AppRouter>({ links: [] });
  const trpc = createTRPCOptionsProxy<AppRouter>({ client: trpcClient, queryClient });
  for (const id of ids) queryClient.setQueryData(trpc.episodes.get.queryKey({ id }), episode(id));
  if (run) queryClient.setQueryData(trpc.runs.get.queryKey({ id: RUN }), run as RunDetail);
  return renderToStaticMarkup(
    <QueryClientProvider client={queryClient}>
      <TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
        <EpisodeColumns
          episodes={ids.map((id, i) => ({ id, runId: RUN, title: `step ${i}`, colour: "black" }))}
        />
      </TRPCProvider>
    </QueryClientProvider>,
  );
}

it("every turn opens its query in the playground, with the corpus and retriever of its run", () => {
  const links = [...html({ config }).matchAll(/href="(\/playground[^"]*)"/g)].map(([, href]) =>
    href?.replaceAll("&amp;", "&"),
  );
  expect(links).toEqual(
    queries.flatMap((query) =>
      ids.map((id) => buildTurnHref({ query, documents: [null] }, config, { id, corpus: "wiki" })),
    ),
  );
});

it("the episodes are shown before their run is known", () => {
  const text = html(null);
  expect(text).toContain("capital of Peru");
  expect(text).not.toContain("/playground");
});
