import type { z } from "zod";
import type {
  launchMethodsRequestSchema,
  launchMethodsResponseSchema,
  leaderboardRequestSchema,
  LeaderboardResponse,
  planRequestSchema,
  planResponseSchema,
  runStatisticsResponseSchema,
} from "@/contracts/api/leaderboard";
import type { PublishedResults } from "@/contracts/formats/published-results";
import {
  isInScope,
  buildQuestionsKey,
  listScopeDifferences,
} from "@/core/comparability/comparability";
import { isRule } from "@/contracts/run-config/scoring";
import { isOfPresentVersion } from "@/core/scoring/judged-scoring";
import { isOfEarlierVersion } from "@/core/scoring/rule-scoring";
import { AppError } from "@/contracts/errors";
import { hashText } from "@/lib/hash";
import type { Launcher } from "@/server/features/runs/launcher";
import type { Scoring } from "@/server/features/scoring/scoring";
import type { Database } from "@/server/platform/db/database";
import { launchMissing, type CompleteResults, type KnownResult } from "./launch-methods";
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
  listRanked,
  listReferencePairs,
  listScopes,
  type Scope,
} from "./leaderboard-table";
import type { PairedComparisons } from "./paired-comparisons";
import { ColumnRanks } from "./column-ranks";
import { readPlan } from "./read-plan";
import { readPublishedTables } from "./published-tables";
import { selectActiveRuns } from "./queries";
import type { RunStatistics } from "./run-statistics";

/** What the leaderboard shows: method variants by question sets within one scope. */
export class Leaderboard {
  private readonly ranks: ColumnRanks;

  constructor(
    private readonly database: Database,
    private readonly statistics: RunStatistics,
    private readonly results: LeaderboardResults,
    private readonly comparisons: PairedComparisons,
    private readonly launcher: Launcher,
    private readonly scoring: Scoring,
  ) {
    this.ranks = new ColumnRanks(statistics);
  }

  /** The table of one scope, and what has no common rank with it. */
  async get(request: z.output<typeof leaderboardRequestSchema>): Promise<LeaderboardResponse> {
    await this.statistics.refresh();
    const [results, active] = await Promise.all([
      this.results.read(),
      selectActiveRuns(this.database.db),
    ]);
    const { ranked, scopes, scope, columns, rows } = arrangeTable(results, request.scope);
    const ceilings = results.filter(isCeiling);
    const reference =
      rows.find(
        ({ variant }) =>
          variant.id === request.reference || buildRowKey(variant.id) === request.reference,
      ) ?? chooseDefaultReference(rows);
    const pairs = listReferencePairs(rows, reference, columns.length);
    const compared = await this.comparisons.compare(
      pairs.map(({ first, second }) => [first, second] as const),
    );
    const ranks = await Promise.all(
      columns.map((_, column) => this.ranks.rank(listRanked(rows, column))),
    );
    const cells = buildCells(rows, ranks, pairs, compared);
    const averaged = listAveragedColumns(rows, columns.length);
    const ceilingsInScope = selectScope(ceilings, scope);
    return {
      scopes,
      scope: scope?.key ?? null,
      reference: reference?.variant.id ?? null,
      columns: columns.map(({ id, questionSet, questionSetVersion, choice, expected }) => ({
        id,
        questionSet,
        version: questionSetVersion,
        ...choice,
        questions: expected,
        ceiling: findCeiling(
          ceilingsInScope.filter(({ facts }) => buildQuestionsKey(facts) === id),
        ),
      })),
      rows: rows.map((row, i) => ({
        ...row.variant,
        key: buildRowKey(row.variant.id),
        cells: cells[i]!,
        average: computeAverage(row, averaged),
      })),
      averaged: averaged.map((column) => columns[column]!.id),
      excluded: scope === null ? [] : listExcluded(ranked, scope),
      active,
    };
  }

  /** What the comparison of two rows varies by. @throws AppError "not-found" where one has no complete result there */
  async plan(
    request: z.output<typeof planRequestSchema>,
  ): Promise<z.infer<typeof planResponseSchema>> {
    await this.statistics.refresh();
    const { scope, columns, rows } = arrangeTable(await this.results.read(), request.scope);
    // Rows and columns of another scope have the same keys.
    if (scope?.key !== request.scope)
      throw new AppError("not-found", "There are no such results any more.");
    const column = columns.findIndex(({ id }) => id === request.column);
    const [seeds, referenceSeeds] = [request.row, request.reference].map((key) => {
      const cell = rows.find(({ variant }) => buildRowKey(variant.id) === key)?.cells[column];
      if (!cell?.result.complete)
        throw new AppError(
          "not-found",
          "One of the two has no complete result on these questions.",
        );
      return cell.seeds.length > 1 ? cell.seeds : [cell.result];
    });
    return readPlan(this.statistics, seeds!, referenceSeeds!);
  }

  /** The paper's tables, as printed. */
  readPublished(): PublishedResults {
    return readPublishedTables();
  }

  /** Queues a predict run for each method that has neither a complete result nor a run on its way to one, or scores again. */
  launch(
    request: z.output<typeof launchMethodsRequestSchema>,
    actor: string,
  ): Promise<z.infer<typeof launchMethodsResponseSchema>> {
    return launchMissing(
      {
        database: this.database,
        launcher: this.launcher,
        scoring: this.scoring,
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

  /** Complete results of this product's runs, which need not be launched again. */
  private async listCompleteResults(): Promise<CompleteResults> {
    await this.statistics.refresh();
    const complete = (await this.results.read()).filter(
      (result) => result.complete && result.importedFrom === null,
    );
    const present = complete.filter(({ config, facts }) =>
      isOfPresentVersion(config.scorer, facts.scorer),
    );
    const earlier = complete.filter(
      ({ config: { scorer }, facts }) => isRule(scorer) && isOfEarlierVersion(scorer, facts.scorer),
    );
    return { present: present.map(toKnownResult), earlier: earlier.map(toKnownResult) };
  }
}

const toKnownResult = ({
  runId,
  config,
  variant,
  questionSetVersion,
  questions,
  corpusVersion,
  example,
}: LeaderboardResult): KnownResult => ({
  runId,
  config,
  variantId: variant.id,
  versions: { questionSetVersion, questions, corpusVersion },
  example,
});

/** Results of one scope by row and column; an unknown scope gives the first. */
function arrangeTable(results: readonly LeaderboardResult[], requested: string | null | undefined) {
  const ranked = results.filter((result) => !isCeiling(result));
  const scopes = listScopes(ranked);
  const scope = scopes.find(({ key }) => key === requested) ?? scopes[0] ?? null;
  const inScope = selectScope(ranked, scope);
  const columns = listColumns(inScope);
  const rows = buildRows(
    inScope,
    columns.map(({ id }) => id),
  );
  return { ranked, scopes, scope, columns, rows };
}

/** A row's id in short, for addresses. */
const buildRowKey = (id: string): string => hashText(id).slice(0, 10);

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
