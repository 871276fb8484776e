import { titlePage } from "@/app/_i18n/server";
import { CorporaView } from "./_components/corpora-view";

export const generateMetadata = titlePage("Corpora");

export default function CorporaPage() {
  return <CorporaView />;
}
