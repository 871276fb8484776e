"use client";
import { useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useState } from "react";
import { Ceiling } from "@/app/_statistics/ceiling";
import { ATTRIBUTION_PARTS, sumAttribution } from "@/app/_statistics/attribution";
import { formatInteger, formatShare } from "@/app/_lib/format";
import { useTRPC, type RunDetail, type RunStatistics } from "@/app/_lib/trpc";
import { Select } from "@/app/_ui/field";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { getMethodComponents } from "@/core/run/methods";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import { BreakdownCard } from "./breakdown-bar";
import { RescoreButton } from "./rescore-button";

type PredictStatisticsProps = { run: RunDetail; config: PredictConfig };

/** Where a prediction's answers were lost by one of its scorers, with the accuracy's interval and the ceiling. */
export function PredictStatistics({
  run,
  config: { scorer, method, methodSettings, questions, limit },
}: PredictStatisticsProps) {
  const runId = run.id;
  const trpc = useTRPC();
  const [chosen, setChosen] = useState<string | null>(null);
  const query = useQuery(trpc.leaderboard.run.queryOptions({ runId }));
  if (query.isError)
    return <QueryErrorState title="The statistics could not be read" query={query} />;
  if (!query.data) return <Skeleton className="h-52" />;
  const formatResultName = (result: (typeof query.data)[number]): string =>
    [result.scorer, result.generator, result.promptStyle].join(" · ");
  const shown =
    query.data.find((result) => formatResultName(result) === chosen) ??
    query.data.find((result) => result.scorer.startsWith(scorer)) ??
    query.data[0];
  return (
    <div className="space-y-3">
      {query.data.length > 1 && shown ? (
        <label className="flex items-center gap-2 text-xs text-muted-foreground">
          Scorer
          <Select
            className="w-auto max-w-full"
            value={formatResultName(shown)}
            onChange={(event) => setChosen(event.target.value)}
          >
            {query.data.map((result) => (
              <option key={formatResultName(result)} value={formatResultName(result)}>
                {result.scorer}: {formatShare(result.mean)}
              </option>
            ))}
          </Select>
        </label>
      ) : null}
      <RescoreButton runId={runId} scorers={query.data.map((result) => result.scorer)} />
      {shown ? <AnswerLosses runId={runId} result={shown} /> : null}
      {method === "gold" ? (
        <p className="text-xs text-muted-foreground">
          This is a ceiling: the generator got the gold documents and nothing else.
        </p>
      ) : shown && getMethodComponents({ method, methodSettings }).generates ? (
        <Ceiling ceiling={shown.ceiling} launch={{ like: runId, questions, limit }} />
      ) : null}
      <p className="text-xs text-muted-foreground">
        Beside other methods:{" "}
        <Link href="/leaderboard" className="text-primary hover:underline">
          leaderboard
        </Link>
        ,{" "}
        <Link href={`/compare?runs=${runId}`} className="text-primary hover:underline">
          compare question by question
        </Link>
        .
      </p>
    </div>
  );
}

function AnswerLosses({ runId, result }: { runId: string; result: RunStatistics }) {
  const { attribution } = result;
  const parts = ATTRIBUTION_PARTS.filter(
    ({ key }) => key === "correct" || attribution[key] > 0,
  ).map(({ key, ...part }) => ({ ...part, count: attribution[key] }));
  const facts = [
    `${result.scorer}: ${formatShare(result.mean)}, 95% interval ${formatShare(result.low)} to ${formatShare(result.high)}${result.clusters === null ? "" : ` over ${formatInteger(result.clusters)} groups`}.`,
    attribution.withGold > 0
      ? `With every gold document handed over, ${formatShare(attribution.withGoldCorrect / attribution.withGold)} of ${formatInteger(attribution.withGold)} answers are right.`
      : null,
  ];
  return (
    <div data-statistics={result.scorer}>
      <BreakdownCard
        title="Where answers were lost"
        description={facts.filter((fact) => fact !== null).join(" ")}
        parts={parts}
        total={sumAttribution(attribution)}
        href={(part) => `/runs/${runId}?tab=episodes&filter=${part.filter}`}
      />
    </div>
  );
}
