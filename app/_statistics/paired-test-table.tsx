import type { ReactNode } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { NONE } from "@/app/_lib/format/format";
import { NoDifference } from "./no-difference";
import { HEAD_HELP, TermHead } from "@/app/_ui/head-label";
import { Help } from "@/app/_ui/help";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { formatPoints, formatPValue, isSignificant, type PairedTest } from "./paired-tests";

interface PairedTestRow {
  key: string;
  /** Who is compared, one cell for each of `heads`; the first is the row's name. */
  names: readonly ReactNode[];
  test: PairedTest;
  verdict: string;
  verdictTone: string;
}

const HEAD = "h-8 px-3 text-right font-medium whitespace-nowrap";
const CELL = "px-3 py-1.5 text-right whitespace-nowrap";

/**
 * Paired tests: difference in points with its 95% interval, and the p-values of bootstrap and McNemar after Holm's
 * correction.
 */
export function PairedTestTable({
  heads,
  discordant,
  rows,
}: {
  heads: readonly string[];
  /** Head of the column that counts the questions which only one of the two answers, and what it means. */
  discordant: { text: string; title?: string };
  rows: readonly PairedTestRow[];
}) {
  const t = useText();
  return (
    <ScrollRegion label={t("Paired tests")} className="mt-2">
      <table className="w-full text-left">
        <thead className="border-b text-xs text-muted-foreground">
          <tr>
            {heads.map((head, i) => (
              <th key={head} scope="col" className={cn("h-8 font-medium", i ? "px-3" : "px-4")}>
                {head}
              </th>
            ))}
            <th scope="col" className={HEAD}>
              {t("Difference, points")}
            </th>
            <th scope="col" className={HEAD}>
              {t("95% interval")}
            </th>
            <TermHead
              className={HEAD}
              help={<Help term="paired-bootstrap" className={HEAD_HELP} />}
            >
              {t("p, bootstrap")}
            </TermHead>
            <th scope="col" className={HEAD} title={discordant.title}>
              {discordant.text}
            </th>
            <TermHead className={HEAD} help={<Help term="mcnemar" className={HEAD_HELP} />}>
              {t("p, McNemar")}
            </TermHead>
            <TermHead
              className="h-8 px-4 font-medium"
              help={<Help term="smallest-difference" className={HEAD_HELP} />}
            >
              {t("Verdict")}
            </TermHead>
          </tr>
        </thead>
        <tbody className="font-mono">
          {rows.map(({ key, names: [name, ...others], test, verdict, verdictTone }) => (
            <tr key={key} className="border-b last:border-0">
              <th scope="row" className="px-4 py-1.5 font-sans font-medium whitespace-nowrap">
                {name}
              </th>
              {others.map((other, i) => (
                <td
                  key={i}
                  className="px-3 py-1.5 font-sans whitespace-nowrap text-muted-foreground"
                >
                  {other}
                </td>
              ))}
              <td className={CELL}>{formatPoints(test.difference)}</td>
              <td className={cn(CELL, "text-muted-foreground")}>
                {t("{low} to {high}", {
                  low: formatPoints(test.low),
                  high: formatPoints(test.high),
                })}
              </td>
              <td className={CELL}>{formatPValue(test.bootstrapHolm)}</td>
              <td className={CELL}>
                {test.mcNemar ? `${test.mcNemar.onlyFirst} : ${test.mcNemar.onlySecond}` : NONE}
              </td>
              <td className={CELL}>
                {test.mcNemarHolm === null ? NONE : formatPValue(test.mcNemarHolm)}
              </td>
              <td
                className={cn(
                  "px-4 py-1.5 font-sans whitespace-nowrap",
                  isSignificant(test) ? verdictTone : "text-muted-foreground",
                )}
                data-verdict
              >
                {isSignificant(test) ? (
                  verdict
                ) : (
                  <NoDifference smallest={test.smallestDifference} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollRegion>
  );
}
