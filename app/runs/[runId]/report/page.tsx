import { titlePage } from "@/app/_i18n/server";
import { ReportView } from "./_components/report-view";

export const generateMetadata = titlePage("Report");

export default async function ReportPage({ params }: { params: Promise<{ runId: string }> }) {
  return <ReportView runId={(await params).runId} />;
}
