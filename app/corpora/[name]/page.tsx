import type { Metadata } from "next";
import { CorpusView } from "./_components/corpus-view";

export const metadata: Metadata = { title: "Corpus" };

export default async function CorpusPage({ params }: { params: Promise<{ name: string }> }) {
  const { name } = await params;
  return <CorpusView name={decodeURIComponent(name)} />;
}
