import { titlePage } from "@/app/_i18n/server";
import { SweepsView } from "./_components/sweeps-view";

export const generateMetadata = titlePage("Sweeps");

export default function SweepsPage() {
  return <SweepsView />;
}
