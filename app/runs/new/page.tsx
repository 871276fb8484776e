import { Suspense } from "react";
import { titlePage } from "@/app/_i18n/server";
import { NewRunView } from "./_components/new-run-view";

export const generateMetadata = titlePage("New run");

export default function NewRunPage() {
  return (
    <Suspense>
      <NewRunView />
    </Suspense>
  );
}
