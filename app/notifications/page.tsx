import { titlePage } from "@/app/_i18n/server";
import { NotificationsView } from "./_components/notifications-view";

export const generateMetadata = titlePage("Notifications");

export default function NotificationsPage() {
  return <NotificationsView />;
}
