import { titlePage } from "@/app/_i18n/server";
import { CompareView } from "./_components/compare-view";

export const generateMetadata = titlePage("Compare");

export default function ComparePage() {
  return <CompareView />;
}
