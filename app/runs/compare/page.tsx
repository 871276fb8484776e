import { titlePage } from "@/app/_i18n/server";
import { CompareRunsView } from "./_components/compare-runs-view";

export const generateMetadata = titlePage("Compare runs");

export default function CompareRunsPage() {
  return <CompareRunsView />;
}
