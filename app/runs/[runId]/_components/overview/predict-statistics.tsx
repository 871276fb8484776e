"use client";
import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { Link } from "@/app/_ui/link";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { Ceiling } from "@/app/_statistics/ceiling";
import { TypesTable } from "@/app/_statistics/figure-parts";
import { ATTRIBUTION_PARTS, sumAttribution } from "@/app/_statistics/attribution";
import { formatInteger, formatShare } from "@/app/_lib/format/format";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { useTRPC, type RunDetail, type RunStatistics } from "@/app/_lib/live/trpc";
import { Select } from "@/app/_ui/field";
import { Help } from "@/app/_ui/help";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { getMethodComponents } from "@/core/run/methods";
import { isOfPresentVersion } from "@/core/scoring/judged-scoring";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import { BreakdownCard } from "./breakdown-bar";
import { RescoreButton } from "@/app/runs/[runId]/_components/header/rescore-button";

type PredictStatisticsProps = { run: RunDetail; config: PredictConfig };

/** Where a prediction's answers were lost by one of its scorers, with the accuracy's interval and the ceiling. */
export function PredictStatistics({
  run,
  config: { scorer, method, methodSettings, questions, limit, sampleSeed, skipYesNo },
}: PredictStatisticsProps) {
  const t = useText();
  const runId = run.id;
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const scorerId = useId();
  const chosen = params.get("scored");
  const query = useQuery(trpc.leaderboard.run.queryOptions({ runId }));
  if (query.isError)
    return <QueryErrorState title={t("The statistics could not be read")} query={query} />;
  if (!query.data) return <Skeleton className="h-52" />;
  const formatResultName = (result: (typeof query.data)[number]): string =>
    [result.scorer, result.generator, result.promptStyle].join(" · ");
  const shown =
    query.data.find((result) => formatResultName(result) === chosen) ??
    query.data.find((result) => isOfPresentVersion(scorer, result.scorer)) ??
    query.data.find((result) => result.scorer.startsWith(scorer)) ??
    query.data[0];
  return (
    <div className="min-w-0 space-y-3">
      {query.data.length > 1 && shown ? (
        <div className="flex items-center gap-2 text-xs text-muted-foreground">
          <label htmlFor={scorerId}>{t("Scorer")}</label>
          <Select
            id={scorerId}
            className="w-auto min-w-0"
            value={formatResultName(shown)}
            onChange={(event) => setParams({ scored: event.target.value })}
          >
            {query.data.map((result) => (
              <option key={formatResultName(result)} value={formatResultName(result)}>
                {result.scorer}: {formatShare(result.mean)}
                {result.scored < result.answered
                  ? ` (${t("{scored} of {answered} answers", countScored(result))})`
                  : null}
              </option>
            ))}
          </Select>
          <Help term={shown.scorer.includes("upstream") ? "upstream-scorer" : "scorer"} />
        </div>
      ) : null}
      <RescoreButton runId={runId} results={query.data} />
      {shown ? <AnswerLosses runId={runId} result={shown} /> : null}
      {shown ? <TypesTable types={shown.types} mean={shown.mean} /> : null}
      {method === "gold" ? (
        <p className="text-xs text-muted-foreground">
          {t("This is a ceiling: the generator got the gold documents and nothing else.")}
        </p>
      ) : shown && getMethodComponents({ method, methodSettings }).generates ? (
        <Ceiling
          ceiling={shown.ceiling}
          launch={{ like: runId, questions, limit, sampleSeed, skipYesNo }}
        />
      ) : null}
      <p className="text-xs text-muted-foreground">
        {t.rich(
          "Beside other methods: <board>leaderboard</board>, <compare>compare question by question</compare>.",
          {
            board: (text) => (
              <Link href="/leaderboard" className="text-primary hover:underline">
                {text}
              </Link>
            ),
            compare: (text) => (
              <Link href={`/compare?runs=${runId}`} className="text-primary hover:underline">
                {text}
              </Link>
            ),
          },
        )}
      </p>
    </div>
  );
}

/** How many answers a scorer has scored, of all. */
const countScored = ({ scored, answered }: RunStatistics) => ({
  scored: formatInteger(scored),
  answered: formatInteger(answered),
});

/** The accuracy by a scorer, with its interval. */
function describeScore(t: Text, { scorer, clusters, ...result }: RunStatistics): string {
  const values = {
    scorer,
    mean: formatShare(result.mean),
    low: formatShare(result.low),
    high: formatShare(result.high),
  };
  return clusters === null
    ? t("{scorer}: {mean}, 95% interval {low} to {high}.", values)
    : t("{scorer}: {mean}, 95% interval {low} to {high} over {clusters} groups.", {
        ...values,
        clusters: formatInteger(clusters),
      });
}

function AnswerLosses({ runId, result }: { runId: string; result: RunStatistics }) {
  const t = useText();
  const { attribution } = result;
  const parts = ATTRIBUTION_PARTS.filter(
    ({ key }) => key === "correct" || attribution[key] > 0,
  ).map(({ key, ...part }) => ({ ...part, count: attribution[key] }));
  const facts = [
    describeScore(t, result),
    result.scored < result.answered
      ? t("It has scored {scored} of {answered} answers.", countScored(result))
      : null,
    attribution.withGold > 0
      ? t("With every gold document handed over, {share} of {answers} answers are right.", {
          share: formatShare(attribution.withGoldCorrect / attribution.withGold),
          answers: formatInteger(attribution.withGold),
        })
      : null,
    result.replies > 0
      ? t(
          "Of {count, plural, one {# reply} other {# replies}} of the judge {share} said neither yes nor no and count as no.",
          { count: result.replies, share: formatShare(result.unread / result.replies) },
        )
      : null,
  ];
  return (
    <div data-statistics={result.scorer}>
      <BreakdownCard
        title={t("Where answers were lost")}
        description={facts.filter((fact) => fact !== null).join(" ")}
        parts={parts}
        total={sumAttribution(attribution)}
        href={(part) => `/runs/${runId}?tab=episodes&filter=${part.filter}`}
      />
    </div>
  );
}
