import { titlePage } from "@/app/_i18n/server";
import { PlaygroundView } from "./_components/playground-view";

export const generateMetadata = titlePage("Playground");

export default function PlaygroundPage() {
  return <PlaygroundView />;
}
