import { titlePage } from "@/app/_i18n/server";
import { getHeadlineMetric, getMetricLabel } from "@/core/metrics/metrics";
import { RetrievalView } from "./_components/retrieval-view";

export const generateMetadata = titlePage("Retrieval");

export default function RetrievalPage() {
  // Read here, the table of metrics is no part of what the browser loads before the page answers.
  return <RetrievalView metric={getMetricLabel(getHeadlineMetric("evaluate"))} />;
}
