import type { Metadata } from "next";
import { Suspense } from "react";
import { NewRunView } from "./_components/new-run-view";

export const metadata: Metadata = { title: "New run" };

export default function NewRunPage() {
  return (
    <Suspense>
      <NewRunView />
    </Suspense>
  );
}
