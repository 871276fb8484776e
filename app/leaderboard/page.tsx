import { Suspense } from "react";
import { titlePage } from "@/app/_i18n/server";
import { LeaderboardView } from "./_components/leaderboard-view";

export const generateMetadata = titlePage("Leaderboard");

export default function LeaderboardPage() {
  return (
    <Suspense>
      <LeaderboardView />
    </Suspense>
  );
}
