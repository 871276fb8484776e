import { titlePage } from "@/app/_i18n/server";
import { MirrorsView } from "./_components/mirrors-view";

export const generateMetadata = titlePage("Mirrors");

export default function MirrorsPage() {
  return <MirrorsView />;
}
