import type { z } from "zod";
import type {
  EvaluationRow,
  RankedQuestions,
  rankedQuestionsRequestSchema,
  RetrieverComparison,
} from "@/contracts/api/retrieval-evaluation";
import { AppError } from "@/contracts/errors";
import type { RunState } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { countChosenQuestions, isChosen } from "@/server/features/question-sets/count-chosen";
import { selectNewest } from "@/server/features/question-sets/queries";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { explainIncomparability, type EvaluateRun } from "./comparability";
import { countQuestions, selectLastValues, selectRankingRuns, selectRankings } from "./queries";
import { compareRankings, selectSharedQuestions, type RankedQuestion } from "./ranking-comparison";

const LISTED = 200;
/** Rankings and figures kept in memory: those of the runs that people look at now. */
const CACHED = 12;
const NO_LIMIT = 2_147_483_647;
const UNKNOWN_GOLD = "retrieval/unknown_gold";
const UNKNOWN_GOLD_QUESTIONS = "retrieval/unknown_gold_questions";

interface Run extends EvaluateRun {
  id: string;
  state: RunState;
  /** Changes with every stored ranking. */
  version: string;
  ranked: number;
}

/** Measures evaluate runs from their stored rankings. */
export class RetrievalEvaluation {
  private readonly rankings = new Map<string, Promise<RankedQuestion[]>>();
  private readonly figures = new Map<string, ReturnType<typeof compareRankings>>();

  constructor(private readonly database: Database) {}

  /** The newest evaluate runs that are not deleted. */
  async list(): Promise<EvaluationRow[]> {
    const rows = await this.database.db.run.findMany({
      where: { projectId: DEFAULT_PROJECT, kind: "evaluate", deletedAt: null },
      orderBy: { createdAt: "desc" },
      take: LISTED,
      select: { id: true, name: true, state: true, createdAt: true, config: true, headline: true },
    });
    return rows.flatMap(({ config, state, ...row }) => {
      const parsed = runConfigSchema.parse(config);
      return parsed.kind === "evaluate"
        ? [
            {
              ...row,
              state: state as RunState,
              corpus: parsed.corpus,
              questionSet: parsed.questions,
              depth: parsed.k,
              retriever: parsed.retriever,
            },
          ]
        : [];
    });
  }

  /** The figures of one run, or of several side by side. @throws AppError "invalid-input" where the runs are not comparable, "not-found" for an unknown one */
  async compare(runIds: readonly string[]): Promise<RetrieverComparison> {
    const runs = await this.readComparableRuns(runIds);
    const [first] = runs;
    if (!first) throw new AppError("internal", "A comparison needs a run.");
    const depth = Math.min(...runs.map((run) => run.config.k));
    const [rankings, counts, unknownGold] = await Promise.all([
      Promise.all(runs.map((run) => this.getRankings(run))),
      this.countAsked(first, runs),
      this.readUnknownGold(runIds),
    ]);
    const { scored, ...figures } = this.getFigures(runs, rankings, depth);
    return {
      questionSet: first.config.questions,
      corpus: first.config.corpus,
      depth,
      runs: runs.map(({ id, name, state, config, ranked }) => ({
        id,
        name,
        state,
        retriever: config.retriever,
        depth: config.k,
        ranked,
        unknownGold: unknownGold.get(id) ?? null,
      })),
      counts: { ...counts, scored },
      ...figures,
    };
  }

  /** A page of the questions that every run has ranked. @throws as `compare` does */
  async listQuestions({
    runIds,
    k,
    foundBy,
    missedBy,
    type,
    hops,
    text,
    cursor,
    limit,
  }: z.output<typeof rankedQuestionsRequestSchema>): Promise<RankedQuestions> {
    const runs = await this.readComparableRuns(runIds);
    const shared = selectSharedQuestions(
      await Promise.all(runs.map((run) => this.getRankings(run))),
    );
    const getRunIndex = (id: string | undefined): number | null => {
      if (id === undefined) return null;
      const index = runIds.indexOf(id);
      if (index < 0)
        throw new AppError("invalid-input", `Run ${id} is not among those that are compared.`);
      return index;
    };
    const [found, missed] = [getRunIndex(foundBy), getRunIndex(missedBy)];
    const isFound = (run: number, question: number): boolean => {
      const { gold, ranks } = shared[run]![question]!;
      return ranks.length === gold && ranks[gold - 1]! <= k;
    };
    const searchText = text?.trim().toLowerCase() ?? "";
    const matching = (shared[0] ?? []).flatMap((ranked, i) => {
      if (found !== null && !isFound(found, i)) return [];
      if (missed !== null && isFound(missed, i)) return [];
      if (type !== undefined && ranked.type !== type) return [];
      if (hops !== undefined && ranked.gold !== hops) return [];
      return searchText === "" || ranked.question.toLowerCase().includes(searchText) ? [i] : [];
    });
    const start = cursor ?? 0;
    const page = matching.slice(start, start + limit);
    return {
      rows: page.map((i) => {
        const { questionId, question, type: questionType, gold } = shared[0]![i]!;
        return {
          questionId,
          question,
          type: questionType,
          hops: gold,
          runs: shared.map((ranking, run) => ({
            episodeId: ranking[i]!.episodeId,
            ranks: [...ranking[i]!.ranks],
            found: isFound(run, i),
          })),
        };
      }),
      nextCursor: start + limit < matching.length ? start + limit : null,
      total: matching.length,
    };
  }

  /** The runs in the order of their ids. @throws AppError where one is unknown or not comparable with the first */
  private async readComparableRuns(runIds: readonly string[]): Promise<Run[]> {
    const rows = await selectRankingRuns(this.database.db, runIds);
    const runs = runIds.map((id): Run => {
      const row = rows.find((r) => r.id === id);
      if (!row) throw new AppError("not-found", `There is no run ${id}.`);
      const { name, state, setId, ranked, last } = row;
      const config = runConfigSchema.parse(row.config);
      if (config.kind !== "evaluate")
        throw new AppError(
          "invalid-input",
          `“${name}” is a ${config.kind} run: only evaluate runs rank documents for gold questions.`,
        );
      return { id, name, state, config, setId, ranked, version: `${ranked}:${last ?? 0}` };
    });
    for (const other of runs.slice(1)) {
      const reason = explainIncomparability(runs[0]!, other);
      if (reason !== null) throw new AppError("invalid-input", reason);
    }
    return runs;
  }

  /** The stored rankings of a run, read once for each state of it. */
  private getRankings(run: Run): Promise<RankedQuestion[]> {
    const key = `${run.id}:${run.version}`;
    const cached = this.rankings.get(key);
    if (cached) return cached;
    const reading = selectRankings(this.database.db, run.id).then((rows) =>
      rows.map((row) => ({ ...row, depth: run.config.k })),
    );
    remember(this.rankings, key, reading);
    reading.catch(() => this.rankings.delete(key));
    return reading;
  }

  /** The figures of these rankings, computed once for each state of the runs: the bootstrap takes a good part of a second. */
  private getFigures(
    runs: readonly Run[],
    rankings: readonly RankedQuestion[][],
    depth: number,
  ): ReturnType<typeof compareRankings> {
    const key = runs.map(({ id, version }) => `${id}:${version}`).join(" ");
    const figures = this.figures.get(key) ?? compareRankings(rankings, depth);
    remember(this.figures, key, figures);
    return figures;
  }

  /** How many questions all runs ask, and how many of these name no gold documents. */
  private async countAsked(
    { setId, config: { questions: name } }: Run,
    runs: readonly Run[],
  ): Promise<{ questions: number; withoutGold: number }> {
    const { db } = this.database;
    const choices = runs.map(({ config }) => config);
    if (!choices.some(isChosen)) {
      const limit = Math.min(...choices.map((choice) => choice.limit ?? NO_LIMIT));
      return countQuestions(db, { setId, name, limit });
    }
    const id = setId ?? (await selectNewest(db, name))?.id;
    if (id === undefined) return { questions: 0, withoutGold: 0 };
    const { questions, withGold } = await countChosenQuestions(db, id, choices);
    return { questions, withoutGold: questions - withGold };
  }

  /** Gold documents that the corpus of a run does not hold, as its newest attempt reported them. */
  private async readUnknownGold(
    runIds: readonly string[],
  ): Promise<Map<string, { documents: number; questions: number }>> {
    const rows = await selectLastValues(this.database.db, runIds, [
      UNKNOWN_GOLD,
      UNKNOWN_GOLD_QUESTIONS,
    ]);
    const getValue = (runId: string, name: string) =>
      rows.find((row) => row.runId === runId && row.name === name)?.value;
    return new Map(
      runIds.flatMap((id) => {
        const documents = getValue(id, UNKNOWN_GOLD);
        const questions = getValue(id, UNKNOWN_GOLD_QUESTIONS);
        return documents === undefined || questions === undefined
          ? []
          : [[id, { documents, questions }] as const];
      }),
    );
  }
}

/** Adds an entry and drops the oldest ones beyond `CACHED`. */
function remember<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.set(key, value);
  for (const old of [...cache.keys()].slice(0, -CACHED)) cache.delete(old);
}
