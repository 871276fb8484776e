import type { Metadata } from "next";
import { Suspense } from "react";
import { PageData } from "./_lib/live/page-data";
import { PageSkeleton } from "./_ui/states";
import { HomeView } from "./_home/home-view";

export const metadata: Metadata = { title: { absolute: "s3" } };

export default function HomePage() {
  return (
    <Suspense fallback={<PageSkeleton />}>
      <PageData read={({ trpc, client }) => client.prefetchQuery(trpc.home.results.queryOptions())}>
        <HomeView />
      </PageData>
    </Suspense>
  );
}
