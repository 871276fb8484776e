import type { z } from "zod";
import type {
  checkpointsRequestSchema,
  checkpointsResponseSchema,
  compareQuestionsRequestSchema,
  compareQuestionsResponseSchema,
  compareRequestSchema,
  compareResponseSchema,
} from "@/contracts/api/compare";
import { AppError } from "@/contracts/errors";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { assessCompleteness, listDifferences } from "@/core/comparability/comparability";
import { correctByHolm } from "@/core/statistics/comparison";
import type { EpisodeReader } from "@/server/features/episodes/episode-reader";
import { comparePairedScores } from "@/server/features/leaderboard/paired-comparisons";
import type { QuestionScores } from "@/server/features/leaderboard/question-scores";
import { readVariants } from "@/server/features/leaderboard/read-variants";
import { buildResultFacts } from "@/server/features/leaderboard/result-facts";
import type { RunStatistics } from "@/server/features/leaderboard/run-statistics";
import { countAskedQuestions } from "@/server/features/question-sets/count-chosen";
import type { Database } from "@/server/platform/db/database";
import { cutPage } from "@/server/platform/db/paging";
import {
  countComparedQuestions,
  selectComparedQuestions,
  selectComparedResults,
  type ComparedResult,
} from "./queries";

type Response = z.infer<typeof compareResponseSchema>;

/** Sets predict runs side by side, question by question. */
export class PredictionComparison {
  constructor(
    private readonly database: Database,
    private readonly statistics: RunStatistics,
    private readonly episodes: EpisodeReader,
  ) {}

  /** @throws AppError "invalid-input" where the runs answered different questions or share no scorer, "not-found", "conflict" */
  async compare(request: z.output<typeof compareRequestSchema>): Promise<Response> {
    await this.statistics.refresh();
    const { scorer, scorers, results } = chooseScorer(
      await this.readResults(request.runs),
      request.scorer,
    );
    const first = requireSameQuestions(results);
    const configs = results.map(({ config }) => predictConfigSchema.parse(config));
    const expected = await Promise.all(
      results.map(({ setId, questions }, i) =>
        countAskedQuestions(this.database.db, setId, configs[i]!, questions),
      ),
    );
    const facts = results.map((result, i) => buildResultFacts(configs[i]!, result));
    const variants = await readVariants(
      this.database.db,
      results.map(({ importedFrom, promptStyle }, i) => ({
        config: configs[i]!,
        importedFrom,
        promptStyle,
      })),
    );
    const scores = await this.readScores(results);
    const { groups } = await this.statistics.readGroups(first.setId);
    return {
      // The response's schema leaves out what it has no field for.
      runs: results.map((result, i) => ({ ...variants[i]!, ...result, expected: expected[i]! })),
      questionSet: first.questionSet,
      scorer,
      scorers,
      differences: results.flatMap(({ id, answered, scored }, i) => {
        const incomplete = assessCompleteness({ expected: expected[i]!, answered, scored }).reason;
        const reasons = [
          ...(i === 0 ? [] : listDifferences(facts[i]!, facts[0]!)),
          ...(incomplete ? [incomplete] : []),
        ];
        return reasons.length > 0 ? [{ runId: id, reasons }] : [];
      }),
      ...countPatterns(scores),
      pairs: comparePairs(scores, groups),
    };
  }

  /** A page of the questions that all runs answered. @throws AppError "invalid-input" for the position of a run that is not there */
  async listQuestions({
    cursor,
    limit,
    ...match
  }: z.output<typeof compareQuestionsRequestSchema>): Promise<
    z.infer<typeof compareQuestionsResponseSchema>
  > {
    const { runs, right, wrong } = match;
    const outside = [...right, ...wrong].find((i) => i >= runs.length);
    if (outside !== undefined)
      throw new AppError(
        "invalid-input",
        `There is no run ${outside + 1} among the ${runs.length} that are compared.`,
      );
    const { db } = this.database;
    const [rows, total] = await Promise.all([
      selectComparedQuestions(db, match, { after: Number(cursor ?? -1), limit: limit + 1 }),
      countComparedQuestions(db, match),
    ]);
    const page = cutPage(rows, limit, (last) => String(last.ordinal));
    return {
      rows: page.rows.map(({ ordinal: _ordinal, ...row }) => row),
      nextCursor: page.nextCursor,
      total,
    };
  }

  /** What each evaluation of a training run made of one held-out question. */
  async listCheckpoints({
    runId,
    questionId,
  }: z.output<typeof checkpointsRequestSchema>): Promise<
    z.infer<typeof checkpointsResponseSchema>
  > {
    const { rows } = await this.episodes.list({
      runId,
      questionId,
      phase: "held-out",
      filter: "all",
      sortDirection: "ascending",
      limit: 200,
    });
    return rows.flatMap(({ id, step, ...row }) =>
      step === null ? [] : [{ ...row, episodeId: id, step }],
    );
  }

  /** Statistics of each run in the order asked for, by scorer. @throws AppError "not-found" */
  private async readResults(runs: readonly string[]): Promise<ComparedResult[][]> {
    const rows = await selectComparedResults(this.database.db, runs);
    return runs.map((run) => {
      const results = rows.filter((row) => row.id === run);
      if (results.length === 0)
        throw new AppError("not-found", `Run ${run} is not there, or has no scored answer yet.`);
      return results;
    });
  }

  /** Scores of each result by question. @throws AppError "conflict" where statistics were made anew meanwhile */
  private async readScores(results: readonly ComparedResult[]): Promise<QuestionScores[]> {
    const byVersion = await this.statistics.readQuestionScores(results);
    return results.map(({ version }) => {
      const scores = byVersion.get(version);
      if (!scores)
        throw new AppError("conflict", "Results landed while they were compared. Try again.");
      return scores;
    });
  }
}

/** The scorer to compare by: the one asked for, else the first that scored every run. @throws AppError "invalid-input" */
function chooseScorer(
  resultsByRun: readonly (readonly ComparedResult[])[],
  requested: string | null | undefined,
): { scorer: string; scorers: string[]; results: ComparedResult[] } {
  const scorers = [...new Set(resultsByRun[0]!.map((result) => result.scorer))].filter((scorer) =>
    resultsByRun.every((results) => results.some((result) => result.scorer === scorer)),
  );
  const scorer = requested && scorers.includes(requested) ? requested : scorers[0];
  if (scorer === undefined)
    throw new AppError(
      "invalid-input",
      "No scorer has scored every one of these runs. Score their stored answers with one first.",
    );
  const results = resultsByRun.map((runResults) =>
    runResults.find((result) => result.scorer === scorer)!,
  );
  return { scorer, scorers, results };
}

/** @returns the first result @throws AppError "invalid-input" where another one is over other questions */
function requireSameQuestions(results: readonly ComparedResult[]): ComparedResult {
  const first = results[0]!;
  const other = results.find(({ setId }) => setId !== first.setId);
  if (other)
    throw new AppError(
      "invalid-input",
      other.questionSet === first.questionSet
        ? `"${other.name}" answered another version of ${first.questionSet}: there is no question to compare.`
        : `"${other.name}" answered ${other.questionSet}, not ${first.questionSet}: there is no question to compare.`,
    );
  return first;
}

/** How many questions every run has scored, and how many of them each set of runs answers right: bit i stands for run i. */
function countPatterns(scores: readonly QuestionScores[]): Pick<Response, "common" | "patterns"> {
  const counts = new Map<number, number>();
  let common = 0;
  for (let i = 0; i < scores[0]!.length; i++) {
    if (scores.some((of) => Number.isNaN(of[i]!))) continue;
    common += 1;
    const mask = scores.reduce((bits, of, run) => (of[i]! >= 1 ? bits | (1 << run) : bits), 0);
    counts.set(mask, (counts.get(mask) ?? 0) + 1);
  }
  return {
    common,
    patterns: [...counts]
      .map(([mask, questions]) => ({ mask, questions }))
      .sort((a, b) => b.questions - a.questions || a.mask - b.mask),
  };
}

/** Every pair of runs, with p-values corrected over all pairs; McNemar's only where each pair has one. */
function comparePairs(scores: readonly QuestionScores[], groups: Int32Array): Response["pairs"] {
  const pairs = scores.flatMap((a, first) =>
    scores.slice(first + 1).map((b, j) => ({
      first,
      second: first + 1 + j,
      ...comparePairedScores(a, b, groups),
    })),
  );
  const bootstrapHolm = correctByHolm(pairs.map(({ bootstrapP }) => bootstrapP));
  const exactPs = pairs.flatMap(({ mcNemar }) => mcNemar?.exactP ?? []);
  const mcNemarHolm = exactPs.length === pairs.length ? correctByHolm(exactPs) : null;
  return pairs.map((pair, i) => ({
    ...pair,
    bootstrapHolm: bootstrapHolm[i]!,
    mcNemarHolm: mcNemarHolm?.[i] ?? null,
  }));
}
