"use client";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { isAwaited } from "@/app/_lib/live/is-awaited";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { BestResults } from "./best-results";
import { ExampleCard } from "./example-card";
import { ActiveRuns, EndedRuns } from "./run-lists";
import { AlarmsCard, NextSteps, WorkersCard } from "./side-cards";
import { useLastVisit } from "./use-last-visit";

/** What runs, what ended since the last visit, what is best so far, and what to do next. */
export function HomeView() {
  const t = useText();
  const trpc = useTRPC();
  const since = useLastVisit();
  const activity = useQuery(
    trpc.home.activity.queryOptions(since ? { since } : skipToken, {
      placeholderData: keepPreviousData,
    }),
  );
  const results = useQuery(trpc.home.results.queryOptions());
  // All at once: what came later would push away what stands below it.
  const isLoading = [results, activity].some(isAwaited);
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Home")}</h1>
        <Button variant="primary" asChild>
          <Link href="/runs/new">
            <Plus /> {t("New run")}
          </Link>
        </Button>
      </header>
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        {isLoading ? (
          <>
            <div className="space-y-4" aria-busy>
              <Skeleton className="h-24" />
              <Skeleton className="h-80" />
              <Skeleton className="h-48" />
            </div>
            <Skeleton className="h-28" />
          </>
        ) : (
          <>
            <div className="min-w-0 space-y-4">
              <QueryErrorState title={t("What runs could not be read")} query={activity} />
              {activity.data && since ? (
                <>
                  <ActiveRuns runs={activity.data.active} count={activity.data.activeCount} />
                  <EndedRuns
                    runs={activity.data.ended}
                    count={activity.data.endedCount}
                    since={since}
                  />
                </>
              ) : null}
              <QueryErrorState title={t("The best results could not be read")} query={results} />
              {results.data ? (
                <BestResults best={results.data.best} exampleRuns={results.data.exampleRuns} />
              ) : null}
            </div>
            <div className="min-w-0 space-y-4">
              {activity.data ? <AlarmsCard alarms={activity.data.alarms} /> : null}
              {results.data ? <ExampleCard runIds={results.data.exampleRuns} /> : null}
              {results.data ? <NextSteps done={results.data.done} /> : null}
              {activity.data ? <WorkersCard workers={activity.data.workers} /> : null}
            </div>
          </>
        )}
      </div>
    </>
  );
}
