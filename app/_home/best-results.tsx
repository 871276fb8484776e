"use client";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { formatShare } from "@/app/_lib/format/format";
import { FigureParts } from "@/app/_statistics/figure-parts";
import { ExampleBadge } from "@/app/_ui/badge";
import { Card, CardHeader } from "@/app/_ui/card";
import { Help } from "@/app/_ui/help";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import type { HomeBest } from "@/contracts/api/home";

interface BestResultsProps {
  best: readonly HomeBest[];
  /** Runs of the example: their results are marked. */
  exampleRuns: readonly string[];
}

/** The best result on each question set. */
export function BestResults({ best, exampleRuns }: BestResultsProps) {
  const t = useText();
  return (
    <Card className="pb-2" aria-label={t("Best results")}>
      <CardHeader
        title={t("Best on each question set")}
        description={t(
          "Complete results as on the leaderboard, with 95% intervals. A lead inside an interval is no lead.",
        )}
      >
        <Link href="/leaderboard" className="text-xs text-primary hover:underline">
          {t("Leaderboard")}
        </Link>
      </CardHeader>
      {best.length === 0 ? (
        <p className="px-4 py-4 text-muted-foreground">
          {t.rich("No method has answered a whole question set yet. <link>Launch methods</link>", {
            link: (text) => (
              <Link href="/leaderboard" className="text-primary underline">
                {text}
              </Link>
            ),
          })}
        </p>
      ) : (
        <ScrollRegion label={t("Table of the best results")} className="mt-1">
          <table className="w-full min-w-160 text-left">
            <thead className="text-xs text-muted-foreground">
              <tr className="border-b">
                <th scope="col" className="px-4 py-1.5 font-medium">
                  {t("Question set")}
                </th>
                <th scope="col" className="px-4 font-medium">
                  {t("Method")}
                </th>
                <th scope="col" className="px-4 text-right font-medium">
                  <span className="inline-flex items-center">
                    {t("Score")} <Help term="bootstrap-interval" />
                  </span>
                </th>
                <th scope="col" className="px-4 font-medium">
                  {t("Measured with")}
                </th>
                <th scope="col" className="px-4 text-right font-medium whitespace-nowrap">
                  {t("Results")}
                </th>
              </tr>
            </thead>
            <tbody>
              {best.map((one) => (
                <tr key={one.questionSet} className="border-b last:border-0">
                  <td className="px-4 py-2 whitespace-nowrap">{one.questionSet}</td>
                  <td className="px-4 whitespace-nowrap">
                    <Link href={`/runs/${one.runId}`} className="font-medium hover:underline">
                      {one.label}
                    </Link>{" "}
                    {exampleRuns.includes(one.runId) ? <ExampleBadge /> : null}
                  </td>
                  <td className="px-4 text-right font-mono whitespace-nowrap">
                    {formatShare(one.mean)}{" "}
                    <span className="text-2xs text-muted-foreground">
                      {t("{low} to {high}", {
                        low: formatShare(one.low),
                        high: formatShare(one.high),
                      })}
                    </span>
                    <FigureParts {...one} />
                  </td>
                  <td className="px-4 text-xs text-muted-foreground">
                    {[one.corpus, one.generator, one.scorer].join(" · ")}
                  </td>
                  <td className="px-4 text-right">
                    <Link
                      href={`/leaderboard?${new URLSearchParams({ scope: one.scope }).toString()}`}
                      className="text-primary hover:underline"
                      aria-label={t("{results} results on {questionSet}", {
                        results: one.results,
                        questionSet: one.questionSet,
                      })}
                    >
                      {one.results}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      )}
    </Card>
  );
}
