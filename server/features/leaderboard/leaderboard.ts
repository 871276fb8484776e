import type { z } from "zod";
import {
  completenessOf,
  differences,
  isOfScope,
  questionsKey,
  scopeDifferences,
  scopeKey,
  type ResultFacts,
  type ScopeFacts,
} from "@/core/comparability/comparability";
import { runConfigSchema, type PredictConfig } from "@/contracts/run-config/run-config";
import type { RunState } from "@/contracts/records/run-state";
import { holm } from "@/core/statistics/comparison";
import type { PublishedResults } from "@/contracts/formats/published-results";
import type {
  Ceiling,
  LeaderboardCell,
  leaderboardRequestSchema,
  LeaderboardResponse,
  launchMethodsRequestSchema,
  launchMethodsResponseSchema,
  runStatisticsResponseSchema,
} from "@/contracts/api/leaderboard";
import type { Database } from "@/server/platform/db/database";
import type { Launcher } from "@/server/features/runs/launcher";
import type { Comparisons } from "./comparisons";
import { entriesOf, type Entry } from "./entry";
import { factsOf, type FactSources } from "./facts";
import { launchMissing, type Present } from "./launch";
import { publishedTables } from "./published";
import type { AttributionCounts, Statistics } from "./statistics";

/** A row of run_statistics with what its run and question set say. */
interface StoredResult extends FactSources {
  runId: string;
  setId: string;
  state: RunState;
  createdAt: Date;
  config: unknown;
  answered: number;
  scored: number;
  mean: number;
  low: number;
  high: number;
  clusters: number | null;
  searches: number;
  documents: number;
  seconds: number;
  tokens: number | null;
  costUsd: number | null;
  attribution: AttributionCounts;
  /** Questions that could not be answered. */
  failed: number;
  /** Of the gold documents: questions that name some; null for other methods. */
  withGold: number | null;
  version: string;
}

interface Result extends StoredResult {
  facts: ResultFacts;
  entry: Entry;
  expected: number;
  complete: boolean;
  reason: string | null;
}

/** A scope with all that it fixes; the page reads from its key what the response has no field for. */
type Scope = LeaderboardResponse["scopes"][number] & ScopeFacts;

interface Row {
  entry: Entry;
  cells: ({ result: Result; runs: number } | null)[];
}

/** What the leaderboard shows: methods by question sets within one scope. */
export class Leaderboard {
  /** Configurations never change, and parsing them is most of a read's work. */
  private readonly configs = new Map<string, PredictConfig | null>();

  constructor(
    private readonly database: Database,
    private readonly statistics: Statistics,
    private readonly comparisons: Comparisons,
    private readonly launcher: Launcher,
  ) {}

  async get(request: z.output<typeof leaderboardRequestSchema>): Promise<LeaderboardResponse> {
    await this.statistics.refresh();
    const [results, active] = await Promise.all([this.results(), this.active()]);
    const scopes = scopesOf(results.filter((r) => !isCeiling(r)));
    const scope = scopes.find((s) => s.key === request.scope) ?? scopes[0] ?? null;
    const [gold, inScope] = partition(
      results.filter((r) => scope !== null && isOfScope(r.facts, scope)),
      isCeiling,
    );
    const columns = columnsOf(inScope);
    const rows = rowsOf(
      inScope,
      columns.map((c) => c.id),
    );
    const reference =
      rows.find((row) => row.entry.id === request.reference) ?? defaultReference(rows);
    const shown = await this.cells(rows, reference, columns.length);
    const averaged = columns.flatMap((column, i) =>
      rows.length > 0 && rows.every((row) => row.cells[i]?.result.complete) ? [i] : [],
    );
    return {
      scopes,
      scope: scope?.key ?? null,
      reference: reference?.entry.id ?? null,
      columns: columns.map(({ id, questionSet, questionSetVersion, limit, expected }) => ({
        id,
        questionSet,
        version: questionSetVersion,
        limit,
        questions: expected,
        ceiling: ceilingOf(gold.filter((r) => questionsKey(r.facts) === id)),
      })),
      rows: rows.map((row, i) => ({
        ...row.entry,
        cells: shown[i]!,
        average:
          averaged.length === 0
            ? null
            : averaged.reduce((sum, c) => sum + row.cells[c]!.result.mean, 0) / averaged.length,
      })),
      averaged: averaged.map((i) => columns[i]!.id),
      excluded:
        scope === null
          ? []
          : results
              .filter((r) => !isOfScope(r.facts, scope) && !isCeiling(r))
              .map((r) => ({
                runId: r.runId,
                label: r.entry.label,
                questionSet: r.questionSet,
                mean: r.mean,
                reasons: [...scopeDifferences(r.facts, scope), ...(r.reason ? [r.reason] : [])],
              })),
      active,
    };
  }

  published(): PublishedResults {
    return publishedTables();
  }

  launch(
    request: z.output<typeof launchMethodsRequestSchema>,
    actor: string,
  ): Promise<z.infer<typeof launchMethodsResponseSchema>> {
    return launchMissing(
      { database: this.database, launcher: this.launcher, results: () => this.complete() },
      request,
      actor,
    );
  }

  /** Statistics of a run by scorer, each with the ceiling of the questions that it answers. */
  async ofRun(runId: string): Promise<z.infer<typeof runStatisticsResponseSchema>> {
    await this.statistics.refresh();
    const results = await this.results();
    return results
      .filter((r) => r.runId === runId)
      .map((r) => {
        const gold = results.filter(
          (other) =>
            isCeiling(other) &&
            differences(other.facts, { ...r.facts, answersItself: false }).length === 0,
        );
        const {
          questionSet,
          generator,
          promptStyle,
          scorer,
          answered,
          scored,
          mean,
          low,
          high,
          clusters,
          attribution,
        } = r;
        return {
          questionSet,
          generator,
          promptStyle,
          scorer,
          answered,
          scored,
          mean,
          low,
          high,
          clusters,
          attribution,
          ceiling: isCeiling(r) ? null : ceilingOf(gold),
        };
      });
  }

  /** Complete results, which need not be launched again. */
  private async complete(): Promise<Present[]> {
    await this.statistics.refresh();
    return (await this.results())
      .filter((r) => r.complete && r.importedFrom === null)
      .map(({ runId, entry, questionSetVersion, questions, corpusVersion }) => ({
        runId,
        config: this.configs.get(runId)!,
        row: entry.id,
        versions: { questionSetVersion, questions, corpusVersion },
      }));
  }

  private async results(): Promise<Result[]> {
    const rows = await this.database.db.$queryRaw<StoredResult[]>`
      SELECT rs.run_id AS "runId", rs.set_id AS "setId", rs.generator, rs.prompt_style AS "promptStyle", rs.scorer, rs.corpus, r.corpus_version AS "corpusVersion",
        qs.name AS "questionSet", qs.content_hash AS "questionSetVersion", qs.questions, r.state, r.created_at AS "createdAt", r.config, rs.answered, rs.scored, rs.mean, rs.low, rs.high, rs.clusters,
        rs.searches, rs.documents, rs.seconds, rs.tokens, rs.cost_usd AS "costUsd", rs.attribution, rs.version::text AS version,
        (SELECT count(*)::int FROM question_failures f WHERE f.run_id = rs.run_id AND f.set_id = rs.set_id
          AND NOT EXISTS (SELECT 1 FROM episodes e WHERE e.run_id = f.run_id AND e.set_id = f.set_id AND e.question_id = f.question_id AND e.phase = 'predict')) AS failed,
        CASE WHEN r.config ->> 'method' = 'gold' THEN (SELECT count(*)::int FROM questions q WHERE q.set_id = rs.set_id AND cardinality(q.gold_ids) > 0 AND (q.ordinal < (r.config ->> 'limit')::int) IS NOT FALSE) END AS "withGold", r.imported_from AS "importedFrom"
      FROM run_statistics rs JOIN runs r ON r.id = rs.run_id JOIN question_sets qs ON qs.id = rs.set_id ORDER BY r.created_at DESC, r.id`;
    const parsed = rows.flatMap((row) => {
      const config = this.configOf(row.runId, row.config);
      return config ? [{ row, config }] : [];
    });
    const entries = await entriesOf(
      this.database.db,
      parsed.map(({ row: { importedFrom, promptStyle }, config }) => ({
        config,
        importedFrom,
        promptStyle,
      })),
    );
    return parsed.map(({ row, config }, i) => {
      const asked = Math.min(config.limit ?? row.questions, row.questions);
      const expected = row.withGold ?? asked;
      return {
        ...row,
        facts: factsOf(config, row),
        entry: entries[i]!,
        expected,
        ...completenessOf({
          expected,
          answered: row.answered,
          scored: row.scored,
          failed: row.failed,
        }),
      };
    });
  }

  private configOf(runId: string, stored: unknown): PredictConfig | null {
    const known = this.configs.get(runId);
    if (known !== undefined) return known;
    const result = runConfigSchema.safeParse(stored);
    const config = result.success && result.data.kind === "predict" ? result.data : null;
    this.configs.set(runId, config);
    return config;
  }

  private async active(): Promise<LeaderboardResponse["active"]> {
    return this.database.db.$queryRaw`
      SELECT id AS "runId", name, config ->> 'method' AS method, config ->> 'questions' AS questions, state, progress FROM runs
      WHERE kind = 'predict' AND state IN ('queued', 'leased', 'preparing', 'running', 'cancelling') ORDER BY queued_at`;
  }

  /** The cells with ranks within their column, and the tests against the reference, corrected together. */
  private async cells(
    rows: readonly Row[],
    reference: Row | null,
    columns: number,
  ): Promise<(LeaderboardCell | null)[][]> {
    const pairs: { row: number; column: number; first: Result; second: Result }[] = [];
    for (let column = 0; column < columns; column++) {
      const second = reference?.cells[column]?.result;
      if (!second?.complete) continue;
      rows.forEach((row, i) => {
        const first = row.cells[column]?.result;
        if (first?.complete && row !== reference) pairs.push({ row: i, column, first, second });
      });
    }
    const compared = await this.comparisons.of(
      pairs.map(({ first, second }) => [first, second] as const),
    );
    const bootstrapHolm = holm(compared.map((c) => c.bootstrapP));
    const binary = compared.flatMap((c, i) => (c.mcNemar ? [i] : []));
    const mcNemarHolm = new Map(
      holm(binary.map((i) => compared[i]!.mcNemar!.exactP)).map((p, k) => [binary[k]!, p]),
    );
    const comparisonAt = new Map(
      pairs.map(({ row, column }, i) => [
        `${row} ${column}`,
        {
          ...compared[i]!,
          bootstrapHolm: bootstrapHolm[i]!,
          mcNemarHolm: mcNemarHolm.get(i) ?? null,
        },
      ]),
    );
    return rows.map((row, i) =>
      row.cells.map((cell, column) => {
        if (!cell) return null;
        const { result } = cell;
        const better = rows.filter(
          (other) =>
            other.cells[column]?.result.complete && other.cells[column].result.mean > result.mean,
        ).length;
        const {
          runId,
          state,
          mean,
          low,
          high,
          scored,
          expected,
          clusters,
          reason,
          searches,
          documents,
          seconds,
          tokens,
          costUsd,
          attribution,
        } = result;
        return {
          runId,
          runs: cell.runs,
          state,
          mean,
          low,
          high,
          scored,
          expected,
          clusters,
          rank: result.complete ? better + 1 : null,
          reason,
          searches,
          documents,
          seconds,
          tokens,
          costUsd,
          attribution,
          comparison: comparisonAt.get(`${i} ${column}`) ?? null,
        };
      }),
    );
  }
}

/** Answers from the gold documents alone: no method, but what bounds those that leave the answer to the generator. */
const isCeiling = ({ entry }: Result): boolean => entry.method === "gold";

/** A complete result before an incomplete one, then the newest. */
function ceilingOf(results: readonly Result[]): Ceiling | null {
  const best = results.find((r) => r.complete) ?? results[0];
  return best
    ? {
        runId: best.runId,
        mean: best.mean,
        low: best.low,
        high: best.high,
        scored: best.scored,
        expected: best.expected,
      }
    : null;
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** Naive RAG, which GBR is measured against, where it has results; the row with most of them else. */
function defaultReference(rows: readonly Row[]): Row | null {
  const complete = (row: Row): number => row.cells.filter((cell) => cell?.result.complete).length;
  const most = (some: readonly Row[]): Row | null =>
    some.reduce<Row | null>(
      (best, row) => (best === null || complete(row) > complete(best) ? row : best),
      null,
    );
  return most(rows.filter((row) => row.entry.method === "rag" && complete(row) > 0)) ?? most(rows);
}

/** Scorers as the field reports them; a run stores further ones beside the one that it was asked for. */
const SCORER_ORDER = ["generation-accuracy", "span", "judge", "option-letter", "exact-match", "f1"];
const scorerRank = (scorer: string): number => {
  const rank = SCORER_ORDER.findIndex((name) => scorer.startsWith(name));
  return rank < 0 ? SCORER_ORDER.length : rank;
};

/** Scopes that have results, the one with most first, then the scorer that the field reports. Results that answer themselves make one only where no other fits. */
function scopesOf(results: readonly Result[]): Scope[] {
  const scopes = new Map<string, Scope>();
  for (const answersItself of [false, true]) {
    for (const { facts } of results) {
      if (
        facts.answersItself !== answersItself ||
        (answersItself && [...scopes.values()].some((scope) => isOfScope(facts, scope)))
      )
        continue;
      const { corpus, corpusVersion, generator, promptStyle, maxTokens, scorer } = facts;
      const key = scopeKey(facts);
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
    scope.results = results.filter((r) => isOfScope(r.facts, scope)).length;
  return [...scopes.values()].sort(
    (a, b) => b.results - a.results || scorerRank(a.scorer) - scorerRank(b.scorer),
  );
}

function columnsOf(results: readonly Result[]) {
  const columns = new Map<
    string,
    {
      id: string;
      questionSet: string;
      questionSetVersion: string;
      limit: number | null;
      expected: number;
    }
  >();
  for (const { facts, expected } of results) {
    const id = questionsKey(facts);
    if (!columns.has(id))
      columns.set(id, {
        id,
        questionSet: facts.questionSet,
        questionSetVersion: facts.questionSetVersion,
        limit: facts.limit,
        expected,
      });
  }
  return [...columns.values()].sort(
    (a, b) => a.questionSet.localeCompare(b.questionSet) || b.expected - a.expected,
  );
}

/** Rows with the result that each column shows: a complete one before an incomplete one, then the newest. */
function rowsOf(results: readonly Result[], columns: readonly string[]): Row[] {
  const rows = new Map<string, Row>();
  for (const result of results) {
    const row = rows.get(result.entry.id) ?? {
      entry: result.entry,
      cells: columns.map(() => null),
    };
    rows.set(result.entry.id, row);
    const column = columns.indexOf(questionsKey(result.facts));
    const held = row.cells[column] ?? null;
    const better = held === null || (result.complete && !held.result.complete);
    row.cells[column] = { result: better ? result : held.result, runs: (held?.runs ?? 0) + 1 };
  }
  const best = (row: Row): number => Math.max(...row.cells.map((cell) => cell?.result.mean ?? 0));
  return [...rows.values()].sort(
    (a, b) => best(b) - best(a) || a.entry.label.localeCompare(b.entry.label),
  );
}
