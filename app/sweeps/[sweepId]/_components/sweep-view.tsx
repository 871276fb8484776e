"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { useEffect } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime, formatWords } from "@/app/_lib/format/format";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { BackLink } from "@/app/_ui/back-link";
import { Button } from "@/app/_ui/button";
import { deferPart } from "@/app/_ui/optional-part";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { StateCounts } from "@/app/_ui/state-counts";
import { CURVES_HEIGHT } from "./curves-height";
import { MetricChoice } from "./metric-choice";
import { readMetricChoice } from "./read-metric-choice";
import { SweepActions } from "./sweep-actions";
import { SweepTable } from "./sweep-table";

/** Comes after the table, which answers without it. */
const SweepCurves = deferPart(
  () => import("./sweep-curves").then((m) => m.SweepCurves),
  () => (
    <>
      <Skeleton className="mt-4 h-11.5" />
      <Skeleton className={`mt-4 ${CURVES_HEIGHT}`} />
    </>
  ),
);

const ORIGIN = markText(
  "{runs, plural, one {# run} other {# runs}} of kind {kind}{count, plural, =0 {} one {, seed {seeds}} other {, seeds {seeds}}} · launched <time>{at}</time>",
);

/** The address holds the metrics (the first one is drawn), how the table is grouped and sorted. */
export function SweepView({ sweepId }: { sweepId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const query = useQuery(
    trpc.sweeps.get.queryOptions(
      { id: sweepId, metrics: readMetricChoice(params) },
      { placeholderData: keepPreviousData },
    ),
  );
  const sweep = query.data;
  const title = sweep?.name;
  useEffect(() => {
    if (title) document.title = `${title} · s3`;
  }, [title]);
  if (query.isError && !sweep)
    return (
      <QueryErrorState title={t("The sweep could not be read")} query={query}>
        <Button size="sm" className="mt-3 mr-2" asChild>
          <Link href="/sweeps">{t("All sweeps")}</Link>
        </Button>
      </QueryErrorState>
    );
  if (!sweep)
    return (
      <div className="space-y-4" aria-busy>
        <Skeleton className="h-7 w-80 max-w-full" />
        <Skeleton className="h-4 w-96 max-w-full" />
        <Skeleton className="h-64" />
        <Skeleton className="h-64" />
      </div>
    );
  return (
    <>
      <header>
        <BackLink href="/sweeps">{t("Sweeps")}</BackLink>
        <div className="mt-1 flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
          <div className="flex min-w-0 flex-wrap items-center gap-x-2.5 gap-y-1">
            <h1 className="min-w-0 text-lg font-semibold break-words">{sweep.name}</h1>
            <span aria-live="polite">
              <StateCounts counts={sweep.counts} kind={sweep.kind} />
            </span>
          </div>
          <SweepActions sweep={sweep} />
        </div>
        <p className="mt-1.5 text-xs text-muted-foreground">
          {t.rich(ORIGIN, {
            runs: sweep.runs,
            kind: formatWords(t, sweep.kind),
            count: sweep.seeds.length,
            seeds: sweep.seeds.join(", "),
            at: formatDateTime(t, sweep.createdAt),
            time: (text) => <time dateTime={sweep.createdAt.toISOString()}>{text}</time>,
          })}
        </p>
      </header>
      <MetricChoice
        sweep={sweep}
        onChange={(metrics) => setParams({ metrics: metrics.join(",") || null })}
      />
      {sweep.metrics[0] === undefined ? null : (
        <SweepCurves sweep={sweep} metric={sweep.metrics[0]} />
      )}
      <SweepTable
        sweep={sweep}
        sort={params.get("sort")}
        view={params.get("view")}
        setParams={setParams}
      />
    </>
  );
}
