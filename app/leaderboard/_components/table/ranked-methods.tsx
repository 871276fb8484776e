import { useText } from "@/app/_i18n/text-provider";
import { useSearchText } from "@/app/_lib/hooks/use-params";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { SearchInput } from "@/app/_ui/search-input";
import { MethodsTable } from "./methods-table";
import type { PaperChoice } from "./published";
import { useTableView } from "./use-table-view";

interface Props {
  board: Leaderboard;
  published: PaperChoice | null;
  picked: readonly string[];
  onPick: (ids: readonly string[]) => void;
}

/** The methods as the address sorts, searches and pins them. */
export function RankedMethods(props: Props) {
  const t = useText();
  const view = useTableView(props.board);
  const { text, setText } = useSearchText();
  return (
    <div className="space-y-2">
      <SearchInput
        label={t("Search methods")}
        placeholder={t("Search methods")}
        value={text}
        onText={setText}
      />
      <MethodsTable {...props} view={view} />
    </div>
  );
}
