import type { Text } from "@/app/_i18n/format-text";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { formatColumnTitle } from "./table/leaderboard-text";

/** Methods that are compared question by question at once. */
const MIN_METHODS = 2;
const MAX_METHODS = 6;

export type ComparableRuns = { runs: string[]; column: string } | { runs: null; reason: string };

/**
 * The runs of the picked rows in a column that all of them share: the first where every one is complete, else the first.
 * Runs of different columns answered different questions.
 */
export function findComparableRuns(
  t: Text,
  { rows, columns }: Pick<Leaderboard, "rows" | "columns">,
  picked: readonly string[],
): ComparableRuns {
  const chosen = rows.filter((row) => picked.includes(row.id));
  if (chosen.length < MIN_METHODS || chosen.length > MAX_METHODS)
    return { runs: null, reason: t("Tick two to six methods") };
  const shared = columns.flatMap((column, i) => {
    const cells = chosen.flatMap((row) => row.cells[i] ?? []);
    return cells.length === chosen.length ? [{ column, cells }] : [];
  });
  const found = shared.find(({ cells }) => cells.every((cell) => cell.rank !== null)) ?? shared[0];
  if (!found)
    return {
      runs: null,
      reason: t(
        "No question set has results of all {methods, plural, one {# method} other {# methods}} that are ticked: launch what is missing, or tick others",
        { methods: chosen.length },
      ),
    };
  return {
    runs: found.cells.map((cell) => cell.runId),
    column: formatColumnTitle(t, found.column, columns),
  };
}
