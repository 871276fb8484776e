import { titlePage } from "@/app/_i18n/server";
import { WorkersView } from "./_components/workers-view";

export const generateMetadata = titlePage("Workers");

export default function WorkersPage() {
  return <WorkersView />;
}
