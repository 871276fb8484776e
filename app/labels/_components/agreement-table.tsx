import type { AgreementRow } from "@/app/_lib/trpc";
import { Card } from "@/app/_ui/card";
import { GLOSSARY } from "@/core/glossary/glossary";

type Rated = AgreementRow["judgeAndSpan"];

const countRated = ({ bothYes, firstOnly, secondOnly, bothNo }: Rated): number =>
  bothYes + firstOnly + secondOnly + bothNo;

/** Agreement and Cohen's kappa: judge with span, and each with the people who labelled. */
export function AgreementTable({ rows }: { rows: AgreementRow[] }) {
  return (
    <Card className="overflow-x-auto" aria-label="Agreement">
      <table className="w-full min-w-[28rem] text-left text-xs">
        <thead className="text-muted-foreground">
          <tr>
            <th className="px-3 py-2 font-medium">Between</th>
            <th className="px-3 py-2 text-right font-medium">Answers</th>
            <th className="px-3 py-2 text-right font-medium">Agree</th>
            <th className="px-3 py-2 text-right font-medium">Cohen's κ</th>
          </tr>
        </thead>
        <tbody>
          {rows.flatMap(({ judge, judgeAndSpan, judgeAndPeople, spanAndPeople }) =>
            (
              [
                [`${judge} and span`, judgeAndSpan],
                [`${judge} and people`, judgeAndPeople],
                ["span and people", spanAndPeople],
              ] as const
            ).map(([name, rated]) => (
              <tr key={`${judge} ${name}`} className="border-t">
                <td className="px-3 py-2">{name}</td>
                <td className="tabular-nums px-3 py-2 text-right">{countRated(rated)}</td>
                <td className="tabular-nums px-3 py-2 text-right">
                  {rated.observed === null ? "–" : `${(100 * rated.observed).toFixed(1)}%`}
                </td>
                <td
                  className="tabular-nums px-3 py-2 text-right"
                  title={rated.kappa === null ? GLOSSARY.kappa.text : undefined}
                >
                  {rated.kappa === null ? "–" : rated.kappa.toFixed(2)}
                </td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </Card>
  );
}
