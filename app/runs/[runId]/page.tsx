import type { Metadata } from "next";
import { Suspense } from "react";
import { RunView } from "./_components/run-view";

export const metadata: Metadata = { title: "Run" };

export default async function RunPage({ params }: { params: Promise<{ runId: string }> }) {
  const { runId } = await params;
  return (
    <Suspense>
      <RunView runId={runId} />
    </Suspense>
  );
}
