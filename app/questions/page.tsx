import type { Metadata } from "next";
import { Suspense } from "react";
import { QuestionsView } from "./_components/questions-view";

export const metadata: Metadata = { title: "Questions" };

export default function QuestionsPage() {
  return (
    <Suspense>
      <QuestionsView />
    </Suspense>
  );
}
