import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";
import { formatColumnTitle } from "./leaderboard-text";

/** The column that a card shows, and how to choose it. Where the board has fewer columns now, its last one. */
export function useColumn({ columns }: Leaderboard): [number, (column: number) => void] {
  const [picked, setColumn] = useState(0);
  return [Math.min(picked, Math.max(0, columns.length - 1)), setColumn];
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
