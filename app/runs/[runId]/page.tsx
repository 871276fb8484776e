import { Suspense } from "react";
import { titlePage } from "@/app/_i18n/server";
import { RunView } from "./_components/run-view";

export const generateMetadata = titlePage("Run");

export default async function RunPage({ params }: { params: Promise<{ runId: string }> }) {
  const { runId } = await params;
  return (
    <Suspense>
      <RunView runId={runId} />
    </Suspense>
  );
}
