import type { Metadata } from "next";
import { Suspense } from "react";
import { SweepsView } from "./_components/sweeps-view";

export const metadata: Metadata = { title: "Sweeps" };

export default function SweepsPage() {
  return (
    <Suspense>
      <SweepsView />
    </Suspense>
  );
}
