import { cn } from "@/app/_lib/cn";
import { NONE, formatCount } from "@/app/_lib/format";
import type { Leaderboard } from "@/app/_lib/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { formatColumnTitle, isSignificant, formatPoints, formatPValue } from "./text";

/** Each complete method against the reference on the same questions. */
export function SignificanceTable({ board }: { board: Leaderboard }) {
  const reference = board.rows.find((row) => row.id === board.reference);
  const tests = board.rows.flatMap((row) =>
    row.cells.flatMap((cell, i) =>
      cell?.comparison ? [{ row, column: board.columns[i]!, comparison: cell.comparison }] : [],
    ),
  );
  if (!reference) return null;
  if (tests.length === 0)
    return (
      <Card className="px-4 py-3 text-xs text-muted-foreground">
        {board.rows.length < 2
          ? "With a second method on the same questions, the difference is tested here."
          : "Nothing can be tested yet: two methods must have answered all questions of a set."}
      </Card>
    );
  const head = "h-8 px-3 text-right font-medium whitespace-nowrap";
  return (
    <Card data-tests={tests.length}>
      <CardHeader
        title={`Against ${reference.label}`}
        description={`Paired on the same questions; p-values corrected by Holm over the ${formatCount(tests.length, "comparison")} shown. Different: both tests below 0.05.`}
      />
      <div
        className="relative mt-2 overflow-x-auto"
        tabIndex={0}
        role="region"
        aria-label="Paired tests"
      >
        <table className="w-full text-left">
          <thead className="border-b text-xs text-muted-foreground">
            <tr>
              <th scope="col" className="h-8 px-4 font-medium">
                Method
              </th>
              {board.columns.length > 1 ? (
                <th scope="col" className="h-8 px-3 font-medium">
                  Questions
                </th>
              ) : null}
              <th scope="col" className={head}>
                Difference, points
              </th>
              <th scope="col" className={head}>
                95% interval
              </th>
              <th scope="col" className={head}>
                p, bootstrap
              </th>
              <th
                scope="col"
                className={head}
                title="Questions that only this method answers, and only the reference"
              >
                Only it : only reference
              </th>
              <th scope="col" className={head}>
                p, McNemar
              </th>
              <th scope="col" className="h-8 px-4 font-medium">
                Verdict
              </th>
            </tr>
          </thead>
          <tbody className="font-mono">
            {tests.map(({ row, column, comparison: c }) => (
              <tr key={`${row.id} ${column.id}`} className="border-b last:border-0">
                <th scope="row" className="px-4 py-1.5 font-sans font-medium whitespace-nowrap">
                  {row.label}
                </th>
                {board.columns.length > 1 ? (
                  <td className="px-3 py-1.5 font-sans whitespace-nowrap text-muted-foreground">
                    {formatColumnTitle(column, board.columns)}
                  </td>
                ) : null}
                <td className="px-3 py-1.5 text-right">{formatPoints(c.difference)}</td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap text-muted-foreground">{`${formatPoints(c.low)} to ${formatPoints(c.high)}`}</td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap">
                  {formatPValue(c.bootstrapHolm)}
                </td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap">
                  {c.mcNemar ? `${c.mcNemar.onlyFirst} : ${c.mcNemar.onlySecond}` : NONE}
                </td>
                <td className="px-3 py-1.5 text-right whitespace-nowrap">
                  {c.mcNemarHolm === null ? NONE : formatPValue(c.mcNemarHolm)}
                </td>
                <td
                  className={cn(
                    "px-4 py-1.5 font-sans whitespace-nowrap",
                    isSignificant(c)
                      ? c.difference > 0
                        ? "text-good"
                        : "text-bad"
                      : "text-muted-foreground",
                  )}
                  data-verdict
                >
                  {isSignificant(c)
                    ? c.difference > 0
                      ? "better"
                      : "worse"
                    : "no difference shown"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
