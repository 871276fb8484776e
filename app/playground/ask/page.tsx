import { titlePage } from "@/app/_i18n/server";
import { AskView } from "./_components/ask-view";

export const generateMetadata = titlePage("Ask");

export default function AskPage() {
  return <AskView />;
}
