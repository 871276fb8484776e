import type {
  Ceiling,
  LeaderboardCell,
  LeaderboardResponse,
  runStatisticsResponseSchema,
} from "@/contracts/api/leaderboard";
import type { z } from "zod";
import {
  listDifferences,
  isInScope,
  buildQuestionsKey,
  buildScopeKey,
  type ResultFacts,
  type ScopeFacts,
} from "@/core/comparability/comparability";
import { correctByHolm } from "@/core/statistics/comparison";
import type { LeaderboardResult } from "./leaderboard-results";
import type { MethodVariant } from "./method-variant";
import type { PairedComparison } from "./paired-comparisons";
import type { RankInterval } from "@/core/statistics/ranks";
import { listSeeds, summariseSeeds } from "./seeds";

/** Arranges results as a table: scopes, columns of question sets, rows of method variants. Pure. */

/** A scope with all that it fixes; the page reads from its key what the response has no field for. */
export type Scope = LeaderboardResponse["scopes"][number] & ScopeFacts;

/** One question set in one version, and how many of its questions count. */
export interface Column {
  id: string;
  questionSet: string;
  questionSetVersion: string;
  choice: Pick<ResultFacts, "limit" | "sampleSeed" | "skipYesNo">;
  expected: number;
}

/** A method variant with the result that each column shows. */
export interface Row {
  variant: MethodVariant;
  cells: ({ result: LeaderboardResult; runs: number; seeds: LeaderboardResult[] } | null)[];
}

/** Answers from the gold documents alone: no method, but what bounds those that leave the answer to the generator. */
export const isCeiling = ({ variant }: LeaderboardResult): boolean => variant.method === "gold";

/** The ceiling among results on gold documents: a complete one before an incomplete one, then the newest. */
export function findCeiling(results: readonly LeaderboardResult[]): Ceiling | null {
  const best = results.find((result) => result.complete) ?? results[0];
  if (!best) return null;
  const { runId, mean, low, high, scored, expected } = best;
  return { runId, mean, low, high, scored, expected };
}

/** Scorers as the field reports them; a run stores further ones beside the one that it was asked for. */
const SCORER_ORDER = ["generation-accuracy", "span", "judge", "option-letter", "exact-match", "f1"];

function getScorerRank(scorer: string): number {
  const rank = SCORER_ORDER.findIndex((name) => scorer.startsWith(name));
  return rank < 0 ? SCORER_ORDER.length : rank;
}

/** The newer of two versions of one rule first: an earlier one is there as long as runs have not been scored again. */
function compareRuleVersions(a: string, b: string): number {
  const [first, second] = [a, b].map((scorer) => /^([a-z0-9-]+)\/(\d+)$/.exec(scorer));
  return first && second && first[1] === second[1] ? Number(second[2]) - Number(first[2]) : 0;
}

/**
 * Scopes that have results, the one with most first, then the scorer that the field reports. Results that answer
 * themselves make a scope only where no other fits.
 */
export function listScopes(results: readonly LeaderboardResult[]): Scope[] {
  const scopes = new Map<string, Scope>();
  for (const answersItself of [false, true]) {
    for (const { facts } of results) {
      if (
        facts.answersItself !== answersItself ||
        (answersItself && [...scopes.values()].some((scope) => isInScope(facts, scope)))
      )
        continue;
      const { corpus, corpusVersion, generator, promptStyle, maxTokens, scorer } = facts;
      const key = buildScopeKey(facts);
      scopes.set(key, {
        key,
        corpus,
        corpusVersion,
        generator,
        promptStyle,
        maxTokens,
        scorer,
        results: 0,
      });
    }
  }
  for (const scope of scopes.values())
    scope.results = results.filter(({ facts }) => isInScope(facts, scope)).length;
  return [...scopes.values()].sort(
    (a, b) =>
      b.results - a.results ||
      getScorerRank(a.scorer) - getScorerRank(b.scorer) ||
      compareRuleVersions(a.scorer, b.scorer),
  );
}

/** The question sets of results, by name, the one with most questions first. */
export function listColumns(results: readonly LeaderboardResult[]): Column[] {
  const columns = new Map<string, Column>();
  for (const { facts, expected } of results) {
    const id = buildQuestionsKey(facts);
    const { questionSet, questionSetVersion, limit, sampleSeed, skipYesNo } = facts;
    const choice = { limit, sampleSeed, skipYesNo };
    if (!columns.has(id))
      columns.set(id, { id, questionSet, questionSetVersion, choice, expected });
  }
  return [...columns.values()].sort(
    (a, b) => a.questionSet.localeCompare(b.questionSet) || b.expected - a.expected,
  );
}

/** Rows with the result that each column shows: a complete one before an incomplete one, then the newest. The best row first. */
export function buildRows(
  results: readonly LeaderboardResult[],
  columnIds: readonly string[],
): Row[] {
  const rows = new Map<string, Row>();
  for (const result of results) {
    const { variant } = result;
    const row = rows.get(variant.id) ?? { variant, cells: columnIds.map(() => null) };
    rows.set(variant.id, row);
    const column = columnIds.indexOf(buildQuestionsKey(result.facts));
    const held = row.cells[column] ?? null;
    const replaces = held === null || (result.complete && !held.result.complete);
    row.cells[column] = {
      result: replaces ? result : held.result,
      runs: (held?.runs ?? 0) + 1,
      seeds: held?.seeds ?? listSeeds(result, results),
    };
  }
  const getBest = (row: Row): number =>
    Math.max(...row.cells.map((cell) => cell?.result.mean ?? 0));
  return [...rows.values()].sort(
    (a, b) => getBest(b) - getBest(a) || a.variant.label.localeCompare(b.variant.label),
  );
}

/** Naive RAG, which GBR is measured against, where it has results; else the row with most of them. Null without rows. */
export function chooseDefaultReference(rows: readonly Row[]): Row | null {
  const countComplete = (row: Row): number =>
    row.cells.filter((cell) => cell?.result.complete).length;
  const chooseFullest = (candidates: readonly Row[]): Row | null =>
    candidates.reduce<Row | null>(
      (best, row) => (best === null || countComplete(row) > countComplete(best) ? row : best),
      null,
    );
  return (
    chooseFullest(rows.filter((row) => row.variant.method === "rag" && countComplete(row) > 0)) ??
    chooseFullest(rows)
  );
}

/** Two complete results of one column: the first of a row, the second of the reference row. */
export interface ReferencePair {
  row: number;
  column: number;
  first: LeaderboardResult;
  second: LeaderboardResult;
}

/** Pairs of each row with the reference, in each column that both have complete. */
export function listReferencePairs(
  rows: readonly Row[],
  reference: Row | null,
  columnCount: number,
): ReferencePair[] {
  const pairs: ReferencePair[] = [];
  for (let column = 0; column < columnCount; column++) {
    const second = reference?.cells[column]?.result;
    if (!second?.complete) continue;
    rows.forEach((row, i) => {
      const first = row.cells[column]?.result;
      if (first?.complete && row !== reference) pairs.push({ row: i, column, first, second });
    });
  }
  return pairs;
}

/** Complete results of one column with their places in it. */
export const listRanked = (
  rows: readonly Row[],
  column: number,
): { row: number; result: LeaderboardResult }[] =>
  rows.flatMap(({ cells }, row) => {
    const result = cells[column]?.result;
    return result?.complete ? [{ row, result }] : [];
  });

/** The cells with ranks within their column, and the tests against the reference, corrected together. */
export function buildCells(
  rows: readonly Row[],
  ranks: readonly ReadonlyMap<number, RankInterval>[],
  pairs: readonly ReferencePair[],
  comparisons: readonly PairedComparison[],
): (LeaderboardCell | null)[][] {
  const bootstrapHolm = correctByHolm(comparisons.map(({ bootstrapP }) => bootstrapP));
  const binary = comparisons.flatMap(({ mcNemar }, i) =>
    mcNemar ? [{ i, exactP: mcNemar.exactP }] : [],
  );
  const mcNemarHolm = new Map(
    correctByHolm(binary.map(({ exactP }) => exactP)).map((p, k) => [binary[k]!.i, p]),
  );
  const comparisonByPlace = new Map(
    pairs.map(({ row, column }, i) => [
      `${row} ${column}`,
      {
        ...comparisons[i]!,
        bootstrapHolm: bootstrapHolm[i]!,
        mcNemarHolm: mcNemarHolm.get(i) ?? null,
      },
    ]),
  );
  return rows.map((row, i) =>
    row.cells.map((cell, column) => {
      if (!cell) return null;
      const { result, runs, seeds } = cell;
      const better = rows.filter(
        ({ cells }) => cells[column]?.result.complete && cells[column].result.mean > result.mean,
      ).length;
      // The response's schema leaves out what a cell has no field for.
      return {
        ...result,
        runs,
        rank: result.complete ? better + 1 : null,
        rankInterval: ranks[column]?.get(i) ?? null,
        seeds: summariseSeeds(seeds),
        comparison: comparisonByPlace.get(`${i} ${column}`) ?? null,
      };
    }),
  );
}

/** Columns that every row has complete: averages are over these. */
export const listAveragedColumns = (rows: readonly Row[], columnCount: number): number[] =>
  Array.from({ length: rows.length > 0 ? columnCount : 0 }, (_, column) => column).filter(
    (column) => rows.every((row) => row.cells[column]?.result.complete),
  );

/** Mean of a row over columns that it has complete; null without columns. */
export const computeAverage = (row: Row, columns: readonly number[]): number | null =>
  columns.length === 0
    ? null
    : columns.reduce((sum, column) => sum + row.cells[column]!.result.mean, 0) / columns.length;

/** Statistics of a result with the ceiling of the questions that it answers. @param results all results */
export function describeStatistics(
  result: LeaderboardResult,
  results: readonly LeaderboardResult[],
): z.infer<typeof runStatisticsResponseSchema>[number] {
  const onGold = results.filter(
    (other) =>
      isCeiling(other) &&
      listDifferences(other.facts, { ...result.facts, answersItself: false }).length === 0,
  );
  return {
    ...result,
    ceiling: isCeiling(result) ? null : findCeiling(onGold),
  };
}
