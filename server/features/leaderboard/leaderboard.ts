import type { z } from "zod";
import type {
  launchMethodsRequestSchema,
  launchMethodsResponseSchema,
  leaderboardRequestSchema,
  LeaderboardResponse,
  runStatisticsResponseSchema,
} from "@/contracts/api/leaderboard";
import type { PublishedResults } from "@/contracts/formats/published-results";
import {
  isInScope,
  buildQuestionsKey,
  listScopeDifferences,
} from "@/core/comparability/comparability";
import type { Launcher } from "@/server/features/runs/launcher";
import type { Database } from "@/server/platform/db/database";
import { launchMissing, type KnownResult } from "./launch-methods";
import type { LeaderboardResult, LeaderboardResults } from "./leaderboard-results";
import {
  buildCells,
  buildRows,
  chooseDefaultReference,
  computeAverage,
  describeStatistics,
  findCeiling,
  isCeiling,
  listAveragedColumns,
  listColumns,
  listReferencePairs,
  listScopes,
  type Scope,
} from "./leaderboard-table";
import type { PairedComparisons } from "./paired-comparisons";
import { readPublishedTables } from "./published-tables";
import { selectActiveRuns } from "./queries";
import type { RunStatistics } from "./run-statistics";

/** What the leaderboard shows: method variants by question sets within one scope. */
export class Leaderboard {
  constructor(
    private readonly database: Database,
    private readonly statistics: RunStatistics,
    private readonly results: LeaderboardResults,
    private readonly comparisons: PairedComparisons,
    private readonly launcher: Launcher,
  ) {}

  /** The table of one scope, and what has no common rank with it. */
  async get(request: z.output<typeof leaderboardRequestSchema>): Promise<LeaderboardResponse> {
    await this.statistics.refresh();
    const [results, active] = await Promise.all([
      this.results.read(),
      selectActiveRuns(this.database.db),
    ]);
    const ceilings = results.filter(isCeiling);
    const ranked = results.filter((result) => !isCeiling(result));
    const scopes = listScopes(ranked);
    const scope = scopes.find(({ key }) => key === request.scope) ?? scopes[0] ?? null;
    const inScope = selectScope(ranked, scope);
    const columns = listColumns(inScope);
    const rows = buildRows(
      inScope,
      columns.map(({ id }) => id),
    );
    const reference =
      rows.find((row) => row.variant.id === request.reference) ?? chooseDefaultReference(rows);
    const pairs = listReferencePairs(rows, reference, columns.length);
    const compared = await this.comparisons.compare(
      pairs.map(({ first, second }) => [first, second] as const),
    );
    const cells = buildCells(rows, pairs, compared);
    const averaged = listAveragedColumns(rows, columns.length);
    const ceilingsInScope = selectScope(ceilings, scope);
    return {
      scopes,
      scope: scope?.key ?? null,
      reference: reference?.variant.id ?? null,
      columns: columns.map(({ id, questionSet, questionSetVersion, limit, expected }) => ({
        id,
        questionSet,
        version: questionSetVersion,
        limit,
        questions: expected,
        ceiling: findCeiling(
          ceilingsInScope.filter(({ facts }) => buildQuestionsKey(facts) === id),
        ),
      })),
      rows: rows.map((row, i) => ({
        ...row.variant,
        cells: cells[i]!,
        average: computeAverage(row, averaged),
      })),
      averaged: averaged.map((column) => columns[column]!.id),
      excluded: scope === null ? [] : listExcluded(ranked, scope),
      active,
    };
  }

  /** The paper's tables, as printed. */
  readPublished(): PublishedResults {
    return readPublishedTables();
  }

  /** Queues a predict run for each method that has neither a complete result nor a run on its way to one. */
  launch(
    request: z.output<typeof launchMethodsRequestSchema>,
    actor: string,
  ): Promise<z.infer<typeof launchMethodsResponseSchema>> {
    return launchMissing(
      {
        database: this.database,
        launcher: this.launcher,
        listCompleteResults: () => this.listCompleteResults(),
      },
      request,
      actor,
    );
  }

  /** Statistics of a run by scorer, each with the ceiling of the questions that it answers. */
  async readRunStatistics(runId: string): Promise<z.infer<typeof runStatisticsResponseSchema>> {
    await this.statistics.refresh();
    const results = await this.results.read();
    return results
      .filter((result) => result.runId === runId)
      .map((result) => describeStatistics(result, results));
  }

  /** Complete results, which need not be launched again. */
  private async listCompleteResults(): Promise<KnownResult[]> {
    await this.statistics.refresh();
    return (await this.results.read())
      .filter(({ complete, importedFrom }) => complete && importedFrom === null)
      .map(({ runId, config, variant, questionSetVersion, questions, corpusVersion }) => ({
        runId,
        config,
        variantId: variant.id,
        versions: { questionSetVersion, questions, corpusVersion },
      }));
  }
}

const selectScope = (
  results: readonly LeaderboardResult[],
  scope: Scope | null,
): LeaderboardResult[] => results.filter(({ facts }) => scope !== null && isInScope(facts, scope));

/** Results that have no common rank with a scope, and why. */
const listExcluded = (
  results: readonly LeaderboardResult[],
  scope: Scope,
): LeaderboardResponse["excluded"] =>
  results
    .filter(({ facts }) => !isInScope(facts, scope))
    .map(({ runId, variant, questionSet, mean, facts, reason }) => ({
      runId,
      label: variant.label,
      questionSet,
      mean,
      reasons: [...listScopeDifferences(facts, scope), ...(reason ? [reason] : [])],
    }));
