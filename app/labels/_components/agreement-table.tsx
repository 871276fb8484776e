import { useText } from "@/app/_i18n/text-provider";
import type { AgreementRow } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { HEAD_HELP, TermHead } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";

type Rated = AgreementRow["judgeAndSpan"];

const countRated = ({ bothYes, firstOnly, secondOnly, bothNo }: Rated): number =>
  bothYes + firstOnly + secondOnly + bothNo;

/** Agreement and Cohen's kappa: judge with the span rule in its version, and each with the people who labelled. */
export function AgreementTable({ rows }: { rows: AgreementRow[] }) {
  const t = useText();
  return (
    <Card className="overflow-x-auto" aria-label={t("Agreement")}>
      <table className="w-full min-w-[28rem] text-left text-xs">
        <thead className="text-muted-foreground">
          <tr>
            <th className="px-3 py-2 font-medium">{t("Between")}</th>
            <th className="px-3 py-2 text-right font-medium">{t("Answers")}</th>
            <th className="px-3 py-2 text-right font-medium">{t("Agree")}</th>
            <TermHead
              className="px-3 py-2 text-right font-medium"
              help={<Help term="kappa" className={HEAD_HELP} />}
            >
              {t("Cohen's κ")}
            </TermHead>
          </tr>
        </thead>
        <tbody>
          {rows.flatMap(({ judge, span, judgeAndSpan, judgeAndPeople, spanAndPeople }) =>
            (
              [
                [t("{judge} and {span}", { judge, span }), judgeAndSpan],
                [t("{judge} and people", { judge }), judgeAndPeople],
                [t("{judge} and people", { judge: span }), spanAndPeople],
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
                  title={rated.kappa === null ? t(SHOWN_TEXTS.kappa) : undefined}
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
