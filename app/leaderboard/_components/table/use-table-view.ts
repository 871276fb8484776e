import { formatSort, getNextSort, readSort } from "@/app/_lib/format/table-sort";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { useQueryParams, useQuickParam } from "@/app/_lib/hooks/use-params";
import { arrangeRows } from "./arrange-rows";

const readKeys = (text: string): string[] => (text ? text.split(",") : []);
const toggleKey = (keys: readonly string[], key: string): string =>
  (keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key]).join(",");

/** The table's rows as the address arranges them: sort, q (search), pin and open (keys of rows). */
export function useTableView(board: Leaderboard) {
  const [params, setParams] = useQueryParams();
  const sort = readSort(params.get("sort"));
  const [pin, setPin] = useQuickParam("pin");
  const [opened, setOpened] = useQuickParam("open");
  const pinned = readKeys(pin);
  const open = readKeys(opened);
  return {
    rows: arrangeRows(board, { sort, search: params.get("q") ?? "", pinned }),
    sort,
    pinned,
    open,
    onSort: (column: string): void => {
      const next = getNextSort(sort, column);
      setParams({ sort: next && formatSort(next) });
    },
    onPin: (key: string): void => setPin(toggleKey(pinned, key)),
    onOpen: (key: string): void => setOpened(toggleKey(open, key)),
  };
}
export type TableView = ReturnType<typeof useTableView>;
