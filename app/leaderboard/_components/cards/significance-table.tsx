import { useText } from "@/app/_i18n/text-provider";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { PairedTestTable } from "@/app/_statistics/paired-test-table";
import { Card, CardHeader } from "@/app/_ui/card";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { TERM_TITLES } from "@/core/glossary/term-titles";
import { formatColumnTitle } from "@/app/leaderboard/_components/table/leaderboard-text";

/** Each complete method against the reference on the same questions. */
export function SignificanceTable({ board }: { board: Leaderboard }) {
  const t = useText();
  const { columns, rows } = board;
  const reference = rows.find((row) => row.id === board.reference);
  const tests = rows.flatMap((row) =>
    row.cells.flatMap((cell, i) =>
      cell?.comparison ? [{ row, column: columns[i]!, comparison: cell.comparison }] : [],
    ),
  );
  if (!reference) return null;
  if (tests.length === 0)
    return (
      <Card className="px-4 py-3 text-xs text-muted-foreground">
        {rows.length < 2
          ? t("With a second method on the same questions, the difference is tested here.")
          : t("Nothing can be tested yet: two methods must have answered all questions of a set.")}
      </Card>
    );
  const several = columns.length > 1;
  return (
    <Card data-tests={tests.length}>
      <CardHeader
        title={t("Against {label}", { label: reference.label })}
        description={t(
          "Paired on the same questions; p-values corrected by Holm over the {tests, plural, one {# comparison} other {# comparisons}} shown. Different: both tests below 0.05.",
          { tests: tests.length },
        )}
      />
      <PairedTestTable
        heads={several ? [t("Method"), t("Questions")] : [t("Method")]}
        discordant={{
          text: t(TERM_TITLES["discordant-questions"]),
          title: t(SHOWN_TEXTS["discordant-questions"]),
        }}
        rows={tests.map(({ row, column, comparison }) => ({
          key: `${row.id} ${column.id}`,
          names: [row.label, ...(several ? [formatColumnTitle(t, column, columns)] : [])],
          test: comparison,
          verdict: comparison.difference > 0 ? t("better") : t("worse"),
          verdictTone: comparison.difference > 0 ? "text-good" : "text-bad",
        }))}
      />
    </Card>
  );
}
