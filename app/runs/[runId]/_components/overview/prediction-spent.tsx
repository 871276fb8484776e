"use client";
import { useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { computePredictionSpent } from "@/app/runs/[runId]/_components/metrics/compute-spent";
import { describeCost } from "./spent";

/** Tokens and cost of a prediction's answers so far; nothing before the first one is scored. */
export function PredictionSpent({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const { data } = useQuery(trpc.leaderboard.run.queryOptions({ runId }));
  const spent = data && computePredictionSpent(data);
  if (!spent) return null;
  const { tokens, tokensEach, cost } = spent;
  const values = {
    each: formatInteger(Math.round(tokensEach ?? 0)),
    tokens: formatInteger(Math.round(tokens?.amount ?? 0)),
  };
  return (
    <p className="mt-1.5 px-1 text-2xs text-muted-foreground" data-testid="prediction-spent">
      {tokens === null
        ? t("Tokens of searcher and generator were not counted")
        : tokens.isPartial
          ? t("Searcher and generator: {each} tokens a question, at least {tokens} in all", values)
          : t("Searcher and generator: {each} tokens a question, about {tokens} in all", values)}
      ; <span data-spent="cost">{describeCost(t, cost)}</span>.{" "}
      {t("Answers that were taken over count as when they were made.")}
    </p>
  );
}
