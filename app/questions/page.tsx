import { titlePage } from "@/app/_i18n/server";
import { QuestionsView } from "./_components/questions-view";

export const generateMetadata = titlePage("Questions");

export default function QuestionsPage() {
  return <QuestionsView />;
}
