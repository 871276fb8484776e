"use client";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger, formatNumber, formatShare } from "@/app/_lib/format/format";
import { useTRPC, type Compared, type RunRow } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { ComparabilityReasons } from "@/app/_statistics/comparability-reasons";
import { FigureParts } from "@/app/_statistics/figure-parts";
import { formatInterval } from "@/app/_statistics/paired-tests";
import { Badge, ImportedBadge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { CheckpointsView } from "./checkpoints-view";
import { PairsTable } from "./pairs-table";
import { LETTERS, readPair, RUN_COLOURS, writePair } from "./patterns";
import { Quadrants } from "./quadrants";
import { QuestionsList } from "./questions-list";
import { UpsetPlot } from "./upset-plot";

const parseRunIds = (text: string | null): string[] =>
  (text ?? "").split(",").filter((id) => /^[0-9a-f-]{36}$/.test(id));

/** Two to six predictions question by question, or one question across the checkpoints of a training run. */
export function CompareView() {
  const [params] = useQueryParams();
  const trained = params.get("train");
  if (trained !== null) return <CheckpointsView runId={trained} />;
  const runs = parseRunIds(params.get("runs"));
  return runs.length >= 2 ? <Comparison runs={runs} /> : <RunChooser chosen={runs} />;
}

/** What has results that can be compared, and is not deleted. */
const isChoosable = ({
  kind,
  headline,
  deletedAt,
}: Pick<RunRow, "kind" | "headline" | "deletedAt">): boolean =>
  kind === "predict" && headline.value !== null && deletedAt === null;

/** Runs to choose from, where the address names fewer than two: what is listed, and the one that the address names. */
function RunChooser({ chosen }: { chosen: readonly string[] }) {
  const t = useText();
  const trpc = useTRPC();
  const [, setParams] = useQueryParams();
  const [picked, setPicked] = useState(chosen);
  const runs = useQuery(trpc.runs.list.queryOptions({ kinds: ["predict"], limit: 100 }));
  const named = useQuery(
    trpc.runs.get.queryOptions(chosen[0] === undefined ? skipToken : { id: chosen[0] }),
  );
  const listed = runs.data?.rows ?? [];
  const unlisted = named.data && listed.every(({ id }) => id !== named.data.id) ? [named.data] : [];
  const rows = [...unlisted, ...listed].filter(isChoosable);
  // One that was deleted since it was picked has no box to take it out by.
  const kept = picked.filter((id) => rows.some((run) => run.id === id));
  return (
    <>
      <h1 className="text-lg font-semibold">{t("Compare")}</h1>
      {runs.isPending ? (
        <Skeleton className="mt-4 h-40" />
      ) : runs.isError ? (
        <QueryErrorState className="mt-4" title={t("The runs could not be read")} query={runs} />
      ) : rows.length < 2 ? (
        <div className="mt-4">
          <EmptyState
            title={t("Two predictions are needed")}
            action={
              <Button variant="primary" asChild>
                <Link href="/leaderboard">{t("To the leaderboard")}</Link>
              </Button>
            }
          >
            {t(
              "Launch methods on the leaderboard; once two have answers, they can be compared question by question.",
            )}
          </EmptyState>
        </div>
      ) : (
        <Card className="mt-4 pb-3">
          <CardHeader
            title={t("Choose two to six predictions")}
            description={t("Over the same questions.")}
          >
            <Button
              size="sm"
              variant="primary"
              disabled={kept.length < 2 || kept.length > 6}
              onClick={() => setParams({ runs: kept.join(",") })}
            >
              {kept.length > 0 ? t("Compare {runs}", { runs: kept.length }) : t("Compare")}
            </Button>
          </CardHeader>
          <ul className="mt-2 px-2">
            {rows.map((run) => (
              <li key={run.id}>
                <label className="flex cursor-pointer items-center gap-3 rounded px-2 py-1.5 hover:bg-muted">
                  <input
                    type="checkbox"
                    className="size-3.5 accent-primary"
                    checked={kept.includes(run.id)}
                    onChange={(e) =>
                      setPicked(
                        e.target.checked
                          ? [...picked, run.id]
                          : picked.filter((id) => id !== run.id),
                      )
                    }
                  />
                  <span className="font-medium">{run.name}</span>
                  <span className="ml-auto font-mono text-xs text-muted-foreground">
                    {formatShare(run.headline.value)}
                  </span>
                </label>
              </li>
            ))}
          </ul>
        </Card>
      )}
    </>
  );
}

function Comparison({ runs }: { runs: string[] }) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const query = useQuery(
    trpc.compare.get.queryOptions(
      { runs, scorer: params.get("scorer") },
      { placeholderData: keepPreviousData },
    ),
  );
  const compared = query.data;
  if (query.isError && !compared)
    return (
      <QueryErrorState title={t("These runs cannot be compared")} query={query}>
        <Button size="sm" className="mt-3 mr-2" asChild>
          <Link href="/compare">{t("Choose others")}</Link>
        </Button>
      </QueryErrorState>
    );
  if (!compared)
    return (
      <div className="space-y-4" aria-busy>
        <Skeleton className="h-7 w-60" />
        <Skeleton className="h-40" />
        <Skeleton className="h-96" />
      </div>
    );
  const select = (filter: string | null) => setParams({ who: filter });
  return (
    <>
      <header className="flex flex-wrap items-end justify-between gap-3">
        <div>
          <h1 className="text-lg font-semibold">{t("Compare")}</h1>
          <p className="text-xs text-muted-foreground">
            {t("{questionSet}, {common} questions that all have answered", {
              questionSet: compared.questionSet,
              common: formatInteger(compared.common),
            })}
          </p>
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <Button size="sm" asChild>
            <Link href="/compare">{t("Choose others")}</Link>
          </Button>
          {compared.scorers.length > 1 ? (
            <Select
              aria-label={t("Scorer")}
              className="w-auto"
              value={compared.scorer}
              onChange={(e) => setParams({ scorer: e.target.value })}
              options={compared.scorers}
            />
          ) : (
            <Badge>{compared.scorer}</Badge>
          )}
        </div>
      </header>
      <ComparedRuns
        compared={compared}
        onRemove={(id) =>
          setParams({ runs: runs.filter((r) => r !== id).join(","), who: null, pair: null })
        }
      />
      <div className="mt-4 grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <Quadrants
          compared={compared}
          pair={readPair(params.get("pair"), compared.runs.length)}
          onPair={(pair) => setParams({ pair: writePair(pair) })}
          onSelect={select}
        />
        <UpsetPlot compared={compared} selected={params.get("who")} onSelect={select} />
      </div>
      <PairsTable compared={compared} />
      <QuestionsList runs={runs} compared={compared} />
    </>
  );
}

type ComparedRunsProps = { compared: Compared; onRemove: (id: string) => void };

function ComparedRuns({ compared, onRemove }: ComparedRunsProps) {
  const t = useText();
  return (
    <ul className="mt-3 grid gap-2 sm:grid-cols-2 xl:grid-cols-3">
      {compared.runs.map((run, i) => {
        const reasons = compared.differences.find((d) => d.runId === run.id)?.reasons ?? [];
        return (
          <li
            key={run.id}
            className="flex min-w-0 gap-2.5 rounded-lg border bg-card px-3 py-2"
            data-compared={LETTERS[i]}
          >
            <span
              className="mt-0.5 flex size-5 shrink-0 items-center justify-center rounded text-2xs font-semibold text-white dark:text-black"
              style={{ background: RUN_COLOURS[i] }}
            >
              {LETTERS[i]}
            </span>
            <div className="min-w-0 flex-1">
              <Link href={`/runs/${run.id}`} className="font-medium break-words hover:underline">
                {run.name}
              </Link>
              {run.imported ? (
                <span className="ml-1.5">
                  <ImportedBadge from={run.detail} />
                </span>
              ) : null}
              <p className="text-2xs break-words text-muted-foreground">
                {[run.label, run.detail].filter((part) => part !== "").join(" · ")}
              </p>
              <p className="mt-0.5 text-xs">
                <span className="font-mono font-medium">{formatShare(run.mean)}</span>
                <span className="ml-1.5 font-mono text-2xs text-muted-foreground">
                  {formatInterval(run.low, run.high)}
                </span>
                <span className="ml-2 text-2xs text-muted-foreground">
                  {[
                    run.searches === null
                      ? t("searches unknown")
                      : t(run.searches === 1 ? "{searches} search" : "{searches} searches", {
                          searches: formatNumber(run.searches),
                        }),
                    t(run.documents === 1 ? "{documents} document" : "{documents} documents", {
                      documents: formatNumber(run.documents),
                    }),
                  ].join(", ")}
                </span>
              </p>
              <FigureParts {...run} />
              <ComparabilityReasons reasons={reasons} className="mt-1 mr-1" />
            </div>
            {compared.runs.length > 2 ? (
              <Button
                variant="ghost"
                size="icon-sm"
                aria-label={t("Take {name} out", { name: run.name })}
                onClick={() => onRemove(run.id)}
              >
                <X />
              </Button>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}
