import { Suspense } from "react";
import { titlePage } from "@/app/_i18n/server";
import { SweepView } from "./_components/sweep-view";

export const generateMetadata = titlePage("Sweep");

export default async function SweepPage({ params }: { params: Promise<{ sweepId: string }> }) {
  const { sweepId } = await params;
  return (
    <Suspense>
      <SweepView sweepId={sweepId} />
    </Suspense>
  );
}
