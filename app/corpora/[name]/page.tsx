import { titlePage } from "@/app/_i18n/server";
import { CorpusView } from "./_components/corpus-view";

export const generateMetadata = titlePage("Corpus");

export default async function CorpusPage({ params }: { params: Promise<{ name: string }> }) {
  const { name } = await params;
  return <CorpusView name={decodeURIComponent(name)} />;
}
