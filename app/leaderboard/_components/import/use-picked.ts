import { useQuickParam } from "@/app/_lib/hooks/use-params";
import type { LeaderboardRow } from "@/app/leaderboard/_components/table/leaderboard-text";

/** The rows that are picked to be compared; the address holds their keys. */
export function usePicked(rows: readonly Pick<LeaderboardRow, "id" | "key">[]) {
  const [text, setText] = useQuickParam("pick");
  const keys = text.split(",");
  return {
    picked: rows.filter(({ key }) => keys.includes(key)).map(({ id }) => id),
    onPick: (ids: readonly string[]): void => {
      const chosen = rows.filter(({ id }) => ids.includes(id));
      setText(chosen.map(({ key }) => key).join(","));
    },
  };
}
