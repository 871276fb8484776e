import type { Metadata } from "next";
import { PageData } from "./_lib/live/page-data";
import { HomeView } from "./_home/home-view";

export const metadata: Metadata = { title: { absolute: "s3" } };

export default function HomePage() {
  return (
    <PageData read={({ trpc, client }) => client.prefetchQuery(trpc.home.results.queryOptions())}>
      <HomeView />
    </PageData>
  );
}
