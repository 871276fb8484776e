import type { Metadata } from "next";
import { Suspense } from "react";
import { SweepView } from "./_components/sweep-view";

export const metadata: Metadata = { title: "Sweep" };

export default async function SweepPage({ params }: { params: Promise<{ sweepId: string }> }) {
  const { sweepId } = await params;
  return (
    <Suspense>
      <SweepView sweepId={sweepId} />
    </Suspense>
  );
}
