import type { z } from "zod";
import { AppError } from "@/contracts/errors";
import { runConfigSchema, type EvaluateConfig } from "@/contracts/run-config/run-config";
import type { RunState } from "@/contracts/records/run-state";
import type {
  RetrieverComparison,
  EvaluationRow,
  RankedQuestions,
  rankedQuestionsRequestSchema,
} from "@/contracts/api/retrieval-evaluation";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { whyNotComparable, type Candidate } from "./comparable";
import { compareOutcomes, sharedQuestions, type Outcome } from "./measure";

const LISTED = 200;
/** Rankings and figures kept in memory: those of the runs that people look at now. */
const KEPT = 12;

interface Run extends Candidate {
  id: string;
  state: RunState;
  /** Changes with every stored ranking. */
  version: string;
  ranked: number;
}

/** Measures evaluate runs from their stored rankings. */
export class RetrievalEvaluation {
  private readonly outcomes = new Map<string, Promise<Outcome[]>>();
  private readonly figures = new Map<string, ReturnType<typeof compareOutcomes>>();

  constructor(private readonly database: Database) {}

  async list(): Promise<EvaluationRow[]> {
    const rows = await this.database.db.$queryRaw<
      {
        id: string;
        name: string;
        state: RunState;
        createdAt: Date;
        config: unknown;
        headline: number | null;
      }[]
    >`
      SELECT id, name, state, created_at AS "createdAt", config, headline FROM runs WHERE project_id = ${DEFAULT_PROJECT}::uuid AND kind = 'evaluate' ORDER BY created_at DESC LIMIT ${LISTED}`;
    return rows.flatMap(({ config, ...row }) => {
      const parsed = runConfigSchema.parse(config);
      return parsed.kind === "evaluate"
        ? [
            {
              ...row,
              corpus: parsed.corpus,
              questionSet: parsed.questions,
              depth: parsed.k,
              retriever: parsed.retriever,
            },
          ]
        : [];
    });
  }

  /** @throws AppError "invalid-input" where the runs are not comparable, "not-found" for an unknown one */
  async compare(runIds: readonly string[]): Promise<RetrieverComparison> {
    const runs = await this.comparable(runIds);
    const [first] = runs;
    if (!first) throw new AppError("internal", "A comparison needs a run.");
    const depth = Math.min(...runs.map((run) => run.config.k));
    const [ranked, counts, unknown] = await Promise.all([
      Promise.all(runs.map((run) => this.outcomesOf(run))),
      this.countQuestions(runs),
      this.unknownGold(runIds),
    ]);
    const { scored, ...figures } = this.figuresOf(runs, ranked, depth);
    return {
      questionSet: first.config.questions,
      corpus: first.config.corpus,
      depth,
      runs: runs.map(({ id, name, state, config, ranked: n }) => ({
        id,
        name,
        state,
        retriever: config.retriever,
        depth: config.k,
        ranked: n,
        unknownGold: unknown.get(id) ?? null,
      })),
      counts: { ...counts, scored },
      ...figures,
    };
  }

  /** The figures of these rankings, computed once for each state of the runs: the bootstrap takes a good part of a second. */
  private figuresOf(
    runs: readonly Run[],
    ranked: readonly Outcome[][],
    depth: number,
  ): ReturnType<typeof compareOutcomes> {
    const key = runs.map(({ id, version }) => `${id}:${version}`).join(" ");
    const figures = this.figures.get(key) ?? compareOutcomes(ranked, depth);
    this.figures.set(key, figures);
    for (const old of [...this.figures.keys()].slice(0, -KEPT)) this.figures.delete(old);
    return figures;
  }

  /** A page of the questions that every run has ranked. */
  async questions({
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
    const runs = await this.comparable(runIds);
    const shared = sharedQuestions(await Promise.all(runs.map((run) => this.outcomesOf(run))));
    const indexOf = (id: string | undefined): number | null => {
      if (id === undefined) return null;
      const index = runIds.indexOf(id);
      if (index < 0)
        throw new AppError("invalid-input", `Run ${id} is not among those that are compared.`);
      return index;
    };
    const [found, missed] = [indexOf(foundBy), indexOf(missedBy)];
    const isFound = (run: number, question: number): boolean => {
      const { gold, ranks } = shared[run]![question]!;
      return ranks.length === gold && ranks[gold - 1]! <= k;
    };
    const wanted = text?.trim().toLowerCase() ?? "";
    const matching = (shared[0] ?? []).flatMap((outcome, i) => {
      if (found !== null && !isFound(found, i)) return [];
      if (missed !== null && isFound(missed, i)) return [];
      if (type !== undefined && outcome.type !== type) return [];
      if (hops !== undefined && outcome.gold !== hops) return [];
      return wanted === "" || outcome.question.toLowerCase().includes(wanted) ? [i] : [];
    });
    const start = cursor ?? 0;
    const page = matching.slice(start, start + limit);
    return {
      rows: page.map((i) => {
        const { questionId, question, type: kind, gold } = shared[0]![i]!;
        return {
          questionId,
          question,
          type: kind,
          hops: gold,
          runs: shared.map((outcomes, run) => ({
            episodeId: outcomes[i]!.episodeId,
            ranks: [...outcomes[i]!.ranks],
            found: isFound(run, i),
          })),
        };
      }),
      nextCursor: start + limit < matching.length ? start + limit : null,
      total: matching.length,
    };
  }

  /** The runs in the order of their ids. */
  private async comparable(runIds: readonly string[]): Promise<Run[]> {
    const rows = await this.database.db.$queryRaw<
      {
        id: string;
        name: string;
        state: RunState;
        config: unknown;
        setId: string | null;
        ranked: number;
        last: bigint | null;
      }[]
    >`
      SELECT r.id, r.name, r.state, r.config, e."setId", coalesce(e.ranked, 0) AS ranked, e.last FROM runs r
      LEFT JOIN LATERAL (SELECT max(set_id::text)::uuid AS "setId", count(*)::int AS ranked, max(ordinal) AS last FROM episodes WHERE run_id = r.id AND method = 'retrieval') e ON true
      WHERE r.id = ANY(${[...runIds]}::uuid[])`;
    const runs = runIds.map((id): Run => {
      const row = rows.find((r) => r.id === id);
      if (!row) throw new AppError("not-found", `There is no run ${id}.`);
      const config = runConfigSchema.parse(row.config);
      if (config.kind !== "evaluate")
        throw new AppError(
          "invalid-input",
          `“${row.name}” is a ${config.kind} run: only evaluate runs rank documents for gold questions.`,
        );
      return {
        id,
        name: row.name,
        state: row.state,
        config,
        setId: row.setId,
        ranked: row.ranked,
        version: `${row.ranked}:${row.last ?? 0}`,
      };
    });
    for (const other of runs.slice(1)) {
      const reason = whyNotComparable(runs[0]!, other);
      if (reason !== null) throw new AppError("invalid-input", reason);
    }
    return runs;
  }

  /** The stored rankings of a run, read once for each state of it. */
  private outcomesOf(run: Run): Promise<Outcome[]> {
    const key = `${run.id}:${run.version}`;
    const kept = this.outcomes.get(key);
    if (kept) return kept;
    const reading = this.readOutcomes(run.id, run.config);
    this.outcomes.set(key, reading);
    for (const old of [...this.outcomes.keys()].slice(0, -KEPT)) this.outcomes.delete(old);
    reading.catch(() => this.outcomes.delete(key));
    return reading;
  }

  private async readOutcomes(runId: string, { k }: EvaluateConfig): Promise<Outcome[]> {
    const rows = await this.database.db.$queryRaw<Omit<Outcome, "depth">[]>`
      SELECT e.id AS "episodeId", e.question_id AS "questionId", q.question, q.type, q.group_name AS "group",
        (SELECT count(DISTINCT g.id)::int FROM unnest(q.gold_ids) AS g(id)) AS gold,
        ARRAY(SELECT DISTINCT p.rank FROM (SELECT array_position(s.document_ids, g.id) AS rank FROM unnest(q.gold_ids) AS g(id)) p WHERE p.rank IS NOT NULL ORDER BY 1) AS ranks
      FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id JOIN steps s ON s.episode_id = e.id AND s.index = 0
      WHERE e.run_id = ${runId}::uuid AND e.method = 'retrieval' ORDER BY q.ordinal`;
    return rows.map((row) => ({ ...row, depth: k }));
  }

  private async countQuestions(
    runs: readonly Run[],
  ): Promise<{ questions: number; withoutGold: number }> {
    const [first] = runs;
    if (!first) return { questions: 0, withoutGold: 0 };
    const limits = runs.flatMap(({ config }) => (config.limit === null ? [] : [config.limit]));
    const limit = limits.length > 0 ? Math.min(...limits) : 2_147_483_647;
    const [row] = await this.database.db.$queryRaw<{ questions: number; withoutGold: number }[]>`
      SELECT count(*)::int AS questions, (count(*) FILTER (WHERE cardinality(gold_ids) = 0))::int AS "withoutGold" FROM questions
      WHERE ordinal < ${limit} AND set_id = coalesce(${first.setId}::uuid,
        (SELECT id FROM question_sets WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${first.config.questions} ORDER BY created_at DESC LIMIT 1))`;
    return row ?? { questions: 0, withoutGold: 0 };
  }

  /** As the newest attempt of each run reported it. */
  private async unknownGold(
    runIds: readonly string[],
  ): Promise<Map<string, { documents: number; questions: number }>> {
    const rows = await this.database.db.$queryRaw<{ runId: string; name: string; value: number }[]>`
      SELECT DISTINCT ON (run_id, name) run_id AS "runId", name, last_value AS value FROM metric_series
      WHERE run_id = ANY(${[...runIds]}::uuid[]) AND name IN ('retrieval/unknown_gold', 'retrieval/unknown_gold_questions') ORDER BY run_id, name, attempt DESC`;
    const valueOf = (runId: string, name: string) =>
      rows.find((row) => row.runId === runId && row.name === name)?.value;
    return new Map(
      runIds.flatMap((id) => {
        const [documents, questions] = [
          valueOf(id, "retrieval/unknown_gold"),
          valueOf(id, "retrieval/unknown_gold_questions"),
        ];
        return documents === undefined || questions === undefined
          ? []
          : [[id, { documents, questions }] as const];
      }),
    );
  }
}
