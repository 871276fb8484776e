import { formatSort, getNextSort, readSort } from "@/app/_lib/format/table-sort";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { arrangeRows } from "./arrange-rows";

const readKeys = (text: string | null): string[] => (text ? text.split(",") : []);

/** The table's rows as the address arranges them: sort, q (search), pin and open (keys of rows). */
export function useTableView(board: Leaderboard) {
  const [params, setParams] = useQueryParams();
  const sort = readSort(params.get("sort"));
  const pinned = readKeys(params.get("pin"));
  const open = readKeys(params.get("open"));
  const toggle = (name: "pin" | "open", keys: readonly string[], key: string): void =>
    setParams({
      [name]: (keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key]).join(","),
    });
  return {
    rows: arrangeRows(board, { sort, search: params.get("q") ?? "", pinned }),
    sort,
    pinned,
    open,
    onSort: (column: string): void => {
      const next = getNextSort(sort, column);
      setParams({ sort: next && formatSort(next) });
    },
    onPin: (key: string): void => toggle("pin", pinned, key),
    onOpen: (key: string): void => toggle("open", open, key),
  };
}
export type TableView = ReturnType<typeof useTableView>;
