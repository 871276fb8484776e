import { titlePage } from "@/app/_i18n/server";
import { LabelsView } from "./_components/labels-view";

export const generateMetadata = titlePage("Labels");

export default function LabelsPage() {
  return <LabelsView />;
}
