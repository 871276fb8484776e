import { titlePage } from "@/app/_i18n/server";
import { RetrievalView } from "./_components/retrieval-view";

export const generateMetadata = titlePage("Retrieval");

export default function RetrievalPage() {
  return <RetrievalView />;
}
