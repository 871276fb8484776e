"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { GitCompareArrows } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { formatInteger, formatCount, formatShortId } from "@/app/_lib/format";
import { useTRPC, type Leaderboard } from "@/app/_lib/trpc";
import { useQueryParams } from "@/app/_lib/use-params";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { Select } from "@/app/_ui/field";
import { RunStateBadge } from "@/app/_ui/run-state";
import { ErrorState, Skeleton } from "@/app/_ui/states";
import { AttributionCard } from "./attribution-card";
import { findComparableRuns } from "./comparable-runs";
import { CostCard } from "./cost-card";
import { ExportMenu } from "./export-menu";
import { ImportUpstream } from "./import-upstream";
import { LaunchPanel } from "./launch-panel";
import { MethodsTable } from "./methods-table";
import { listPaperGenerators } from "./published";
import { PublishedTables } from "./published-tables";
import { SignificanceTable } from "./significance-table";
import { formatTokenLimit, shareText } from "./text";

export function LeaderboardView() {
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const query = useQuery(
    trpc.leaderboard.get.queryOptions(
      { scope: params.get("scope"), reference: params.get("reference") },
      { placeholderData: keepPreviousData },
    ),
  );
  const published = useQuery(trpc.leaderboard.published.queryOptions());
  const [picked, setPicked] = useState<readonly string[]>([]);
  const board = query.data;
  const generators = published.data ? listPaperGenerators(published.data) : [];
  const generator = generators.find((g) => g === params.get("paper"));
  const paper =
    published.data && generator !== undefined ? { results: published.data, generator } : null;
  if (query.isError && !board)
    return (
      <ErrorState
        title="The leaderboard could not be read"
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    );
  if (!board)
    return (
      <div className="space-y-4" aria-busy>
        <Skeleton className="h-7 w-60" />
        <Skeleton className="h-40" />
        <Skeleton className="h-72" />
      </div>
    );
  const empty = board.rows.length === 0;
  const compared = findComparableRuns(board, picked);
  return (
    <>
      <header className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-lg font-semibold">Leaderboard</h1>
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
              title={compared.runs === null ? compared.reason : `On ${compared.column}`}
            >
              {compared.runs === null ? (
                <>
                  <GitCompareArrows /> Compare
                </>
              ) : (
                <Link href={`/compare?runs=${compared.runs.join(",")}`}>
                  <GitCompareArrows /> Compare {compared.runs.length}
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
            Methods by question sets, each with its interval and tested against a reference. Nothing
            has been answered yet: choose methods and launch them; their results appear here as they
            come.
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
          <MethodsTable board={board} published={paper} picked={picked} onPick={setPicked} />
          <div className="flex flex-wrap items-center gap-x-4 gap-y-1 text-xs text-muted-foreground">
            <label className="flex items-center gap-2">
              The paper&apos;s rows, never ranked
              <Select
                aria-label="The paper's rows"
                className="w-auto text-xs"
                value={generator ?? ""}
                onChange={(e) => setParams({ paper: e.target.value || null })}
              >
                <option value="">not shown</option>
                {generators.map((g) => (
                  <option key={g} value={g}>
                    {g === "self" ? "methods that answer themselves" : `with generator ${g}`}
                  </option>
                ))}
              </Select>
            </label>
            {board.columns.length > 1 && board.averaged.length === 0 ? (
              <span>No set is complete for every method, so there is no average.</span>
            ) : null}
            <span>
              Intervals: 95%, bootstrap over groups of questions where the set names groups.
            </span>
          </div>
          <SignificanceTable board={board} />
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

function ScopeBar({
  board,
  setParams,
}: {
  board: Leaderboard;
  setParams: (changes: Record<string, string | null>) => void;
}) {
  return (
    <div className="flex flex-wrap items-end gap-3">
      <label className="min-w-0 max-md:w-full">
        <span className="mb-1 block text-2xs text-muted-foreground">
          Corpus · generator · scorer
        </span>
        <Select
          className="w-auto max-w-full"
          value={board.scope ?? ""}
          onChange={(e) => setParams({ scope: e.target.value, reference: null })}
        >
          {board.scopes.map((s) => (
            <option key={s.key} value={s.key}>
              {`${s.corpus}${board.scopes.some((o) => o.corpus === s.corpus && o.corpusVersion !== s.corpusVersion) ? ` @${s.corpusVersion?.slice(0, 6) ?? "?"}` : ""} · ${s.generator}, ${s.promptStyle}${formatTokenLimit(s.key, board.scopes)} · ${s.scorer} (${formatCount(s.results, "result")})`}
            </option>
          ))}
        </Select>
      </label>
      <label className="min-w-0 max-md:w-full">
        <span className="mb-1 block text-2xs text-muted-foreground">Reference</span>
        <Select
          className="w-auto max-w-full"
          value={board.reference ?? ""}
          onChange={(e) => setParams({ reference: e.target.value })}
        >
          {board.rows.map((row) => (
            <option key={row.id} value={row.id}>
              {row.detail ? `${row.label} · ${row.detail}` : row.label}
            </option>
          ))}
        </Select>
      </label>
    </div>
  );
}

/** What is still to come; the page follows by itself. */
function ActiveRuns({ active }: { active: Leaderboard["active"] }) {
  if (active.length === 0) return null;
  return (
    <Card className="mt-3 px-4 py-2.5" data-active={active.length}>
      <ul className="space-y-1">
        {active.map((run) => (
          <li key={run.runId} className="flex flex-wrap items-center gap-x-3 gap-y-0.5">
            <RunStateBadge state={run.state} />
            <Link
              href={`/runs/${run.runId}`}
              className="min-w-0 truncate font-medium hover:underline"
            >
              {run.name}
            </Link>
            <span className="font-mono text-xs text-muted-foreground">
              {run.progress && run.progress.total > 0
                ? `${formatInteger(run.progress.done)} / ${formatInteger(run.progress.total)}`
                : ""}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** Results that get no common rank with those above, each with why. */
function ExcludedResults({ excluded }: { excluded: Leaderboard["excluded"] }) {
  if (excluded.length === 0) return null;
  return (
    <Card className="pb-3" data-excluded={excluded.length}>
      <CardHeader
        title="Not comparable with these"
        description="They get no rank here; choose their corpus, generator and scorer above to see them ranked among their own."
      />
      <ul className="mt-2 max-h-72 overflow-y-auto px-2">
        {excluded.map((result, i) => (
          <li
            key={`${result.runId} ${i}`}
            className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded px-2 py-1 hover:bg-muted"
          >
            <Link href={`/runs/${result.runId}`} className="font-medium hover:underline">
              {result.label}
            </Link>
            <span className="font-mono text-2xs text-muted-foreground">
              {formatShortId(result.runId)}
            </span>
            <span className="text-xs text-muted-foreground">{result.questionSet}</span>
            <span className="font-mono text-xs">{shareText(result.mean)}</span>
            {result.reasons.map((reason) => (
              <Badge key={reason} tone="warn" className="whitespace-normal">
                {reason}
              </Badge>
            ))}
          </li>
        ))}
      </ul>
    </Card>
  );
}
