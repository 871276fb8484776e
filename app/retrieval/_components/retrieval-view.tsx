"use client";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { Plus, Search } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { ComparisonView } from "@/app/_retrieval/comparison-view";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams, useQuickParam } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { RunPicker } from "./run-picker";

/**
 * Evaluate runs of the same questions and corpus, side by side. The address holds which.
 * @param metric name of the metric whose values stand in the list
 */
export function RetrievalView({ metric }: { metric: string }) {
  const t = useText();
  const trpc = useTRPC();
  const [, setParams] = useQueryParams();
  const [runs, setRuns] = useQuickParam("runs");
  const chosen = runs.split(",").filter(Boolean);
  const list = useQuery(trpc.retrievalEvaluation.list.queryOptions());
  const comparison = useQuery(
    trpc.retrievalEvaluation.compare.queryOptions(
      chosen.length > 0 ? { runIds: chosen } : skipToken,
      {
        placeholderData: keepPreviousData,
        refetchInterval: (q) =>
          q.state.data?.runs.some((run) => !TERMINAL_STATES.has(run.state)) ? 5_000 : false,
      },
    ),
  );
  const launch = (
    <Button variant="primary" asChild>
      <Link href="/runs/new?preset=atlas-retrieval">
        <Plus /> {t("Measure a retriever")}
      </Link>
    </Button>
  );
  return (
    <>
      <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1 className="text-lg font-semibold">{t("Retrieval")}</h1>
        <div className="flex gap-2">
          <Button asChild>
            <Link href="/playground">
              <Search /> {t("Playground")}
            </Link>
          </Button>
          {launch}
        </div>
      </header>
      <div className="mt-4">
        {list.isPending ? (
          <div aria-busy className="space-y-1.5">
            <Skeleton className="h-40" />
          </div>
        ) : list.isError ? (
          <QueryErrorState title={t("The evaluate runs could not be read")} query={list} />
        ) : list.data.length === 0 ? (
          <EmptyState title={t("No retriever is measured yet")} action={launch}>
            {t(
              "A run of kind “Evaluate retrieval” ranks the documents for each question that names gold documents. Two or more of them on the same questions can be compared here.",
            )}
          </EmptyState>
        ) : (
          <RunPicker
            rows={list.data}
            metric={metric}
            chosen={chosen}
            onChange={(ids) => {
              setRuns(ids.join(","));
              setParams({ show: null });
            }}
          />
        )}
      </div>
      {chosen.length === 0 ? null : comparison.isError ? (
        <QueryErrorState
          className="mt-4"
          title={t("These runs cannot be compared")}
          query={comparison}
        />
      ) : comparison.data ? (
        <div className="mt-5" aria-busy={comparison.isPlaceholderData}>
          {comparison.data.counts.scored === 0 ? (
            <EmptyState title={t("No question is ranked by all of these runs yet")}>
              {t("Wait until they have begun, or choose others.")}
            </EmptyState>
          ) : (
            <ComparisonView comparison={comparison.data} />
          )}
        </div>
      ) : (
        <div className="mt-5 space-y-4" aria-busy>
          <Skeleton className="h-40" />
          <Skeleton className="h-64" />
        </div>
      )}
    </>
  );
}
