import type { z } from "zod";
import { completenessOf, differences } from "@/core/comparability/comparability";
import { AppError } from "@/contracts/errors";
import { predictConfigSchema } from "@/contracts/run-config/run-config";
import { holm } from "@/core/statistics/comparison";
import type {
  checkpointsRequestSchema,
  checkpointsResponseSchema,
  compareRequestSchema,
  compareResponseSchema,
  compareQuestionsRequestSchema,
  compareQuestionsResponseSchema,
} from "@/contracts/api/compare";
import type { Database } from "@/server/platform/db/database";
import { Prisma } from "@/server/platform/db/generated/client";
import type { Episodes } from "@/server/features/episodes/episodes";
import { compareOutcomes } from "@/server/features/leaderboard/comparisons";
import { entriesOf } from "@/server/features/leaderboard/entry";
import { factsOf, type FactSources } from "@/server/features/leaderboard/facts";
import type { Statistics } from "@/server/features/leaderboard/statistics";

const { sql } = Prisma;

interface Stored extends FactSources {
  id: string;
  name: string;
  config: unknown;
  setId: string;
  answered: number;
  scored: number;
  mean: number;
  low: number;
  high: number;
  searches: number;
  documents: number;
  version: string;
}

/** Predictions question by question. */
export class Compare {
  constructor(
    private readonly database: Database,
    private readonly statistics: Statistics,
    private readonly episodes: Episodes,
  ) {}

  /** @throws AppError "invalid-input" where the runs answered different questions or share no scorer */
  async get(
    request: z.output<typeof compareRequestSchema>,
  ): Promise<z.infer<typeof compareResponseSchema>> {
    await this.statistics.refresh();
    const stored = await this.stored(request.runs);
    const [first] = stored[0]!;
    const scorers = [...new Set(stored[0]!.map((s) => s.scorer))].filter((scorer) =>
      stored.every((of) => of.some((s) => s.scorer === scorer)),
    );
    const scorer = request.scorer && scorers.includes(request.scorer) ? request.scorer : scorers[0];
    if (scorer === undefined)
      throw new AppError(
        "invalid-input",
        "No scorer has scored every one of these runs. Score their stored answers with one first.",
      );
    const chosen = stored.map((of) => of.find((s) => s.scorer === scorer)!);
    const other = chosen.find((s) => s.setId !== first!.setId);
    if (other)
      throw new AppError(
        "invalid-input",
        `"${other.name}" answered ${other.questionSet}${other.questionSet === first!.questionSet ? " in another version" : ""}, not ${first!.questionSet}: there is no question to compare.`,
      );

    const configs = chosen.map((s) => predictConfigSchema.parse(s.config));
    const facts = chosen.map((s, i) => factsOf(configs[i]!, s));
    const expected = chosen.map((s, i) => Math.min(configs[i]!.limit ?? s.questions, s.questions));
    const entries = await entriesOf(
      this.database.db,
      chosen.map(({ importedFrom, promptStyle }, i) => ({
        config: configs[i]!,
        importedFrom,
        promptStyle,
      })),
    );
    const outcomes = await this.statistics.outcomesOf(chosen);
    const columns = chosen.map((s) => outcomes.get(s.version));
    if (columns.some((column) => column === undefined))
      throw new AppError("conflict", "Results landed while they were compared. Try again.");
    const all = columns.map((column) => column!);
    const { groups } = await this.statistics.groupsOf(first!.setId);
    const counts = new Map<number, number>();
    let common = 0;
    for (let i = 0; i < groups.length; i++) {
      if (all.some((column) => Number.isNaN(column[i]!))) continue;
      common += 1;
      const mask = all.reduce(
        (bits, column, run) => (column[i]! >= 1 ? bits | (1 << run) : bits),
        0,
      );
      counts.set(mask, (counts.get(mask) ?? 0) + 1);
    }
    const pairs = all.flatMap((a, i) =>
      all
        .slice(i + 1)
        .map((b, j) => ({ first: i, second: i + 1 + j, ...compareOutcomes(a, b, groups) })),
    );
    const bootstrapHolm = holm(pairs.map((p) => p.bootstrapP));
    const mcNemarHolm = pairs.every((p) => p.mcNemar)
      ? holm(pairs.map((p) => p.mcNemar!.exactP))
      : null;
    return {
      runs: chosen.map((s, i) => {
        const { label, detail, method, imported } = entries[i]!;
        return {
          id: s.id,
          name: s.name,
          method,
          label,
          detail,
          imported,
          scored: s.scored,
          expected: expected[i]!,
          mean: s.mean,
          low: s.low,
          high: s.high,
          generator: s.generator,
          searches: s.searches,
          documents: s.documents,
        };
      }),
      questionSet: first!.questionSet,
      scorer,
      scorers,
      differences: chosen.flatMap((s, i) => {
        const incomplete = completenessOf({
          expected: expected[i]!,
          answered: s.answered,
          scored: s.scored,
        }).reason;
        const reasons = [
          ...(i === 0 ? [] : differences(facts[i]!, facts[0]!)),
          ...(incomplete ? [incomplete] : []),
        ];
        return reasons.length > 0 ? [{ runId: s.id, reasons }] : [];
      }),
      common,
      patterns: [...counts]
        .map(([mask, questions]) => ({ mask, questions }))
        .sort((a, b) => b.questions - a.questions || a.mask - b.mask),
      pairs: pairs.map((pair, i) => ({
        ...pair,
        bootstrapHolm: bootstrapHolm[i]!,
        mcNemarHolm: mcNemarHolm?.[i] ?? null,
      })),
    };
  }

  async questions(
    request: z.output<typeof compareQuestionsRequestSchema>,
  ): Promise<z.infer<typeof compareQuestionsResponseSchema>> {
    const { runs, right, wrong } = request;
    const outside = [...right, ...wrong].find((i) => i >= runs.length);
    if (outside !== undefined)
      throw new AppError(
        "invalid-input",
        `There is no run ${outside + 1} among the ${runs.length} that are compared.`,
      );
    const tables = runs.map((run, i) => {
      const [e, a, s] = [name("e", i), name("a", i), name("s", i)];
      return sql`JOIN episodes ${e} ON ${e}.run_id = ${run}::uuid AND ${e}.phase = 'predict' AND ${e}.set_id = q.set_id AND ${e}.question_id = q.id
        JOIN answers ${a} ON ${a}.id = ${e}.answer_id JOIN scores ${s} ON ${s}.answer_id = ${a}.id AND ${s}.set_id = q.set_id AND ${s}.question_id = q.id AND ${s}.scorer = ${request.scorer}`;
    });
    const conditions = [
      ...right.map((i) => sql`${name("s", i)}.value >= 1`),
      ...wrong.map((i) => sql`${name("s", i)}.value < 1`),
    ];
    if (request.text) {
      const pattern = `%${request.text.replace(/[\\%_]/g, "\\$&")}%`;
      conditions.push(
        sql`(q.question ILIKE ${pattern} OR ${Prisma.join(
          runs.map((_, i) => sql`${name("a", i)}.text ILIKE ${pattern}`),
          " OR ",
        )})`,
      );
    }
    const where =
      conditions.length > 0 ? sql`WHERE ${Prisma.join(conditions, " AND ")}` : Prisma.empty;
    const from = sql`FROM questions q ${Prisma.join(tables, " ")} ${where}`;
    const results = Prisma.join(
      runs.map((_, i) => {
        const [e, a, s] = [name("e", i), name("a", i), name("s", i)];
        return sql`jsonb_build_object('episodeId', ${e}.id, 'answer', ${a}.text, 'score', ${s}.value, 'searches', ${e}.searches, 'documents', cardinality(${e}.context_ids), 'attribution', ${e}.attribution)`;
      }),
    );
    const { db } = this.database;
    const after = Number(request.cursor ?? -1);
    const [rows, totals] = await Promise.all([
      db.$queryRaw<
        (z.infer<typeof compareQuestionsResponseSchema>["rows"][number] & { ordinal: number })[]
      >`
        SELECT * FROM (SELECT q.ordinal, q.id, q.question, q.answers, jsonb_build_array(${results}) AS results ${from}) found WHERE ordinal > ${after} ORDER BY ordinal LIMIT ${request.limit + 1}`,
      db.$queryRaw<{ n: number }[]>`SELECT count(*)::int AS n ${from}`,
    ]);
    const kept = rows.slice(0, request.limit);
    const last = kept[kept.length - 1];
    return {
      rows: kept.map(({ ordinal: _ordinal, ...row }) => row),
      nextCursor: rows.length > kept.length && last ? String(last.ordinal) : null,
      total: totals[0]?.n ?? 0,
    };
  }

  async checkpoints({
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
      order: "oldest",
      limit: 200,
    });
    return rows.flatMap((row) =>
      row.step === null
        ? []
        : [
            {
              episodeId: row.id,
              step: row.step,
              answer: row.answer,
              score: row.score,
              baselineScore: row.baselineScore,
              searches: row.searches,
              documents: row.documents,
              attribution: row.attribution,
            },
          ],
    );
  }

  /** Statistics of each run in the order asked for: those over the questions of its configuration, its newest first. */
  private async stored(runs: readonly string[]): Promise<Stored[][]> {
    const rows = await this.database.db.$queryRaw<Stored[]>`
      SELECT r.id, r.name, r.config, r.imported_from AS "importedFrom", rs.set_id AS "setId", qs.name AS "questionSet", qs.content_hash AS "questionSetVersion", qs.questions, rs.corpus, r.corpus_version AS "corpusVersion",
        rs.generator, rs.prompt_style AS "promptStyle", rs.scorer, rs.answered, rs.scored, rs.mean, rs.low, rs.high, rs.searches, rs.documents, rs.version::text AS version
      FROM runs r JOIN run_statistics rs ON rs.run_id = r.id JOIN question_sets qs ON qs.id = rs.set_id
      WHERE r.id = ANY(${[...runs]}::uuid[]) ORDER BY (rs.scorer LIKE (r.config ->> 'scorer') || '%') DESC, rs.scored DESC, rs.scorer`;
    return runs.map((run) => {
      const own = rows.filter((row) => row.id === run);
      if (own.length === 0)
        throw new AppError("not-found", `Run ${run} is not there, or has no scored answer yet.`);
      return own;
    });
  }
}

/** Alias of the i-th run's table; a literal of ours, never input. */
const name = (letter: "e" | "a" | "s", i: number): Prisma.Sql => Prisma.raw(`${letter}${i}`);
