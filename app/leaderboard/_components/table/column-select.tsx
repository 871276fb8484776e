import { useText } from "@/app/_i18n/text-provider";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";
import { formatColumnTitle } from "./leaderboard-text";

/**
 * The column that a card shows, the first one or that of the address, and how to choose it.
 *
 * @param name of the card's parameter of the address
 */
export function useColumn(
  { columns }: Leaderboard,
  name: string,
): [number, (column: number) => void] {
  const [params, setParams] = useQueryParams();
  const wanted = params.get(name);
  const column = wanted === null ? 0 : columns.findIndex(({ id }) => id === wanted);
  return [
    Math.max(0, column),
    (next) => setParams({ [name]: next === 0 ? null : (columns[next]?.id ?? null) }),
  ];
}

interface ColumnSelectProps {
  board: Leaderboard;
  column: number;
  setColumn: (column: number) => void;
}

/** Chooses the question set of a card. */
export function ColumnSelect({ board: { columns }, column, setColumn }: ColumnSelectProps) {
  const t = useText();
  return (
    <Select
      aria-label={t("Question set")}
      className="w-auto"
      value={column}
      onChange={(event) => setColumn(Number(event.target.value))}
      options={columns.map((c, i) => ({ value: i, text: formatColumnTitle(t, c, columns) }))}
    />
  );
}
