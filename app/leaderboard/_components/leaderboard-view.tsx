"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { GitCompareArrows } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { deferPart } from "@/app/_ui/optional-part";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";
import { ActiveRuns } from "./active-runs";
import { AttributionCard } from "./cards/attribution-card";
import { findComparableRuns } from "./comparable-runs";
import { ExcludedResults } from "./table/excluded-results";
import { ExportMenu } from "./table/export-menu";
import { ImportUpstream } from "./import/import-upstream";
import { LaunchPanel } from "./launch-panel";
import { RankedMethods } from "./table/ranked-methods";
import { listPaperGenerators } from "./table/published";
import { ScopeBar } from "./scope-bar";
import { SignificanceTable } from "./cards/significance-table";
import { usePicked } from "./import/use-picked";

/** Below the tables, which answer without them. */
const PlannerCard = deferPart(
  () => import("./cards/planner-card").then((m) => m.PlannerCard),
  () => <Skeleton className="h-48" />,
);
const CostCard = deferPart(
  () => import("./cards/cost-card").then((m) => m.CostCard),
  () => <Skeleton className="h-96" />,
);
const PublishedTables = deferPart(
  () => import("./cards/published-tables").then((m) => m.PublishedTables),
  () => null,
);

/**
 * Methods by question sets, with tests, costs and attribution; the address holds scope, reference and the picked rows
 * (`pick`, their keys).
 */
export function LeaderboardView() {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const query = useQuery(
    trpc.leaderboard.get.queryOptions(
      { scope: params.get("scope"), reference: params.get("reference") },
      { placeholderData: keepPreviousData },
    ),
  );
  const published = useQuery(trpc.leaderboard.published.queryOptions());
  const board = query.data;
  const { picked, onPick } = usePicked(board?.rows ?? []);
  const generators = published.data ? listPaperGenerators(published.data) : [];
  const generator = generators.find((g) => g === params.get("paper"));
  const paper =
    published.data && generator !== undefined ? { results: published.data, generator } : null;
  if (query.isError && !board)
    return <QueryErrorState title={t("The leaderboard could not be read")} query={query} />;
  if (!board)
    return (
      <div className="space-y-4" aria-busy>
        <Skeleton className="h-7 w-60" />
        <Skeleton className="h-40" />
        <Skeleton className="h-72" />
      </div>
    );
  const empty = board.rows.length === 0;
  const compared = findComparableRuns(t, board, picked);
  return (
    <>
      <header className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-lg font-semibold">{t("Leaderboard")}</h1>
        <div className="flex flex-wrap items-center gap-2">
          <ImportUpstream />
          {!empty && compared.runs === null && picked.length > 0 ? (
            <span className="text-xs text-muted-foreground">{compared.reason}</span>
          ) : null}
          {empty ? null : (
            <Button
              size="sm"
              disabled={compared.runs === null}
              asChild={compared.runs !== null}
              title={
                compared.runs === null
                  ? compared.reason
                  : t("On {column}", { column: compared.column })
              }
            >
              {compared.runs === null ? (
                <>
                  <GitCompareArrows /> {t("Compare")}
                </>
              ) : (
                <Link href={`/compare?runs=${compared.runs.join(",")}`}>
                  <GitCompareArrows /> {t("Compare {runs}", { runs: compared.runs.length })}
                </Link>
              )}
            </Button>
          )}
          {empty ? null : <ExportMenu board={board} published={paper} />}
        </div>
      </header>
      <ActiveRuns active={board.active} />
      {empty ? (
        <>
          <p className="mt-3 max-w-2xl text-muted-foreground">
            {t(
              "Methods by question sets, each with its interval and tested against a reference. Nothing has been answered yet: choose methods and launch them; their results appear here as they come.",
            )}
          </p>
          <LaunchPanel board={board} />
        </>
      ) : (
        <div
          className="mt-4 space-y-4"
          data-leaderboard={board.scope}
          aria-busy={query.isPlaceholderData}
        >
          <ScopeBar board={board} setParams={setParams} />
          <RankedMethods board={board} published={paper} picked={picked} onPick={onPick} />
          <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-muted-foreground">
            <PaperRows
              generators={generators}
              generator={generator}
              onChange={(paper) => setParams({ paper })}
            />
            {board.columns.length > 1 && board.averaged.length === 0 ? (
              <span>{t("No set is complete for every method, so there is no average.")}</span>
            ) : null}
            <span>{t(SHOWN_TEXTS["bootstrap-interval"])}</span>
            <span>{t(SHOWN_TEXTS["rank-interval"])}</span>
          </div>
          <SignificanceTable board={board} />
          <PlannerCard board={board} />
          <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
            <CostCard
              board={board}
              axis={params.get("axis")}
              setAxis={(axis) => setParams({ axis })}
            />
            <AttributionCard board={board} />
          </div>
          <ExcludedResults excluded={board.excluded} />
          <LaunchPanel board={board} />
        </div>
      )}
      {published.data ? <PublishedTables results={published.data} /> : null}
    </>
  );
}

interface PaperRowsProps {
  generators: readonly string[];
  /** Whose rows are shown; undefined: none. */
  generator: string | undefined;
  onChange: (generator: string | null) => void;
}

/** Chooses which of the paper's rows stand beside the results. */
function PaperRows({ generators, generator, onChange }: PaperRowsProps) {
  const t = useText();
  return (
    <label className="flex items-center gap-2">
      {t("The paper's rows, never ranked")}
      <Select
        aria-label={t("The paper's rows")}
        className="w-auto text-xs"
        value={generator ?? ""}
        onChange={(e) => onChange(e.target.value || null)}
        options={[
          { value: "", text: t("not shown") },
          ...generators.map((g) => ({
            value: g,
            text:
              g === "self"
                ? t("methods that answer themselves")
                : t("with generator {generator}", { generator: g }),
          })),
        ]}
      />
    </label>
  );
}
