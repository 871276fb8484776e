import type { Metadata } from "next";
import { Suspense } from "react";
import { RetrievalView } from "./_components/retrieval-view";

export const metadata: Metadata = { title: "Retrieval" };

export default function RetrievalPage() {
  return (
    <Suspense>
      <RetrievalView />
    </Suspense>
  );
}
