import type { z } from "zod";
import {
  agreementOf,
  cohenKappa,
  observedAgreement,
  type Agreement,
} from "@/core/scoring/agreement";
import { scoreByRules } from "@/core/scoring/rule-scoring";
import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import { AppError } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type {
  scoreAgreementResponseSchema,
  disagreementsRequestSchema,
  disagreementsResponseSchema,
  scoreFailuresResponseSchema,
  judgedRunsResponseSchema,
  labelScoreRequestSchema,
  scoreSummaryResponseSchema,
} from "@/contracts/api/scores";
import type { Database } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";

const BATCH = 2_000;
const SPAN = "span/1";

/** What scorers say of a predict run's answers, how far they agree, and what people say of them. */
export class Scoring {
  constructor(private readonly database: Database) {}

  /** Every scorer over the answered questions, and how many are missing: accuracy never counts those. */
  async summary(runId: string): Promise<z.infer<typeof scoreSummaryResponseSchema>> {
    const { db } = this.database;
    const [counts] = await db.$queryRaw<
      { config: unknown; questions: number; answered: number; failed: number }[]
    >`
      SELECT r.config,
        (SELECT count(*)::int FROM questions q WHERE (q.ordinal < (r.config ->> 'limit')::int) IS NOT FALSE AND (r.config ->> 'method' IS DISTINCT FROM 'gold' OR cardinality(q.gold_ids) > 0)
          AND q.set_id = coalesce((SELECT p.set_id FROM run_question_sets p WHERE p.run_id = r.id AND p.name = r.config ->> 'questions'),
            (SELECT s.id FROM question_sets s WHERE s.name = r.config ->> 'questions' ORDER BY s.created_at DESC LIMIT 1))) AS questions,
        (SELECT count(*)::int FROM episodes e WHERE e.run_id = r.id AND e.phase = 'predict' AND e.answer_id IS NOT NULL) AS answered,
        (SELECT count(*)::int FROM question_failures f WHERE f.run_id = r.id AND NOT EXISTS (SELECT 1 FROM episodes e WHERE e.run_id = r.id AND e.phase = 'predict' AND e.set_id = f.set_id AND e.question_id = f.question_id)) AS failed
      FROM runs r WHERE r.id = ${runId}::uuid`;
    if (!counts) throw new AppError("not-found", `There is no run ${runId}.`);
    const config = runConfigSchema.parse(counts.config);
    if (config.kind !== "predict")
      throw new AppError("unsupported", "Only predict runs are scored.");
    const { questions } = counts;
    const scorers = await db.$queryRaw<{ scorer: string; scored: number; mean: number }[]>`
      SELECT s.scorer, count(*)::int AS scored, avg(s.value)::float8 AS mean
      FROM episodes e JOIN scores s ON s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' GROUP BY s.scorer ORDER BY s.scorer`;
    return {
      questions,
      answered: counts.answered,
      missing: Math.max(0, questions - counts.answered),
      failed: counts.failed,
      scorers,
    };
  }

  /** Questions that the run could not answer and has not answered since. */
  failures(runId: string): Promise<z.infer<typeof scoreFailuresResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT f.question_id AS "questionId", q.question, f.code, f.reason, f.tries, f.attempt, f.at FROM question_failures f JOIN questions q ON q.set_id = f.set_id AND q.id = f.question_id
      WHERE f.run_id = ${runId}::uuid AND NOT EXISTS (SELECT 1 FROM episodes e WHERE e.run_id = f.run_id AND e.phase = 'predict' AND e.set_id = f.set_id AND e.question_id = f.question_id)
      ORDER BY q.ordinal LIMIT 1000`;
  }

  /** Scores the stored answers by every rule that has not scored them yet. No worker is asked. @returns scores added */
  async rescore(runId: string): Promise<{ added: number }> {
    const { db } = this.database;
    const rows = await db.$queryRaw<
      {
        answerId: bigint;
        setId: string;
        questionId: string;
        text: string;
        answers: string[];
        options: MultipleChoice | null;
      }[]
    >`
      SELECT e.answer_id AS "answerId", e.set_id AS "setId", e.question_id AS "questionId", a.text, q.answers, q.options
      FROM episodes e JOIN answers a ON a.id = e.answer_id JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict'`;
    let added = 0;
    for (let start = 0; start < rows.length; start += BATCH) {
      const scores = rows.slice(start, start + BATCH).flatMap((row) =>
        scoreByRules(row.text, row).map(({ scorer, value }) => ({
          answer: String(row.answerId),
          set: row.setId,
          question: row.questionId,
          scorer,
          value,
        })),
      );
      added += await this.database.transact(
        ({ db: tx }) => tx.$executeRaw`
        INSERT INTO scores (answer_id, set_id, question_id, scorer, value)
        SELECT s.answer, s.set, s.question, s.scorer, s.value FROM jsonb_to_recordset(${toJson(scores)}::jsonb) AS s(answer bigint, set uuid, question text, scorer text, value float8)
        ON CONFLICT (answer_id, set_id, question_id, scorer) DO NOTHING`,
      );
    }
    return { added };
  }

  /** How far judge and span rule agree, and each with the people who labelled; for every judge that scored the run. */
  async agreement(runId: string): Promise<z.infer<typeof scoreAgreementResponseSchema>> {
    const rows = await this.database.db.$queryRaw<
      { judge: string; judged: number; span: number; label: boolean | null }[]
    >`
      SELECT j.scorer AS judge, j.value AS judged, s.value AS span, l.correct AS label
      FROM episodes e JOIN scores j ON j.answer_id = e.answer_id AND j.set_id = e.set_id AND j.question_id = e.question_id AND j.scorer LIKE 'judge/%'
      JOIN scores s ON s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id AND s.scorer = ${SPAN}
      LEFT JOIN LATERAL (SELECT correct FROM score_labels x WHERE x.answer_id = e.answer_id AND x.set_id = e.set_id AND x.question_id = e.question_id ORDER BY x.at DESC LIMIT 1) l ON true
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' ORDER BY j.scorer`;
    return [...new Set(rows.map(({ judge }) => judge))].map((judge) => {
      const mine = rows.filter((row) => row.judge === judge);
      const labelled = mine.filter(
        (row): row is typeof row & { label: boolean } => row.label !== null,
      );
      return {
        judge,
        judgeAndSpan: rated(
          agreementOf(mine.map(({ judged, span }) => [judged === 1, span === 1] as const)),
        ),
        judgeAndPeople: rated(
          agreementOf(labelled.map(({ judged, label }) => [judged === 1, label] as const)),
        ),
        spanAndPeople: rated(
          agreementOf(labelled.map(({ span, label }) => [span === 1, label] as const)),
        ),
      };
    });
  }

  /** Runs that a judge has scored, of which people can label what it and the span rule disagree on. */
  judgedRuns(): Promise<z.infer<typeof judgedRunsResponseSchema>> {
    return this.database.db.$queryRaw`
      SELECT r.id AS "runId", r.name, qs.name AS "questionSet", rs.scorer AS judge, rs.scored AS judged
      FROM run_statistics rs JOIN runs r ON r.id = rs.run_id JOIN question_sets qs ON qs.id = rs.set_id WHERE rs.scorer LIKE 'judge/%' ORDER BY r.created_at DESC, rs.scorer LIMIT 200`;
  }

  /** Answers on which a judge and the span rule differ, with what a person said of them. All judges of one answer are on one page. */
  async disagreements({
    runId,
    unlabelled,
    cursor,
    limit,
  }: z.output<typeof disagreementsRequestSchema>): Promise<
    z.infer<typeof disagreementsResponseSchema>
  > {
    const { db } = this.database;
    const after = BigInt(cursor ?? "-1");
    const rows = await db.$queryRaw<
      (z.infer<typeof disagreementsResponseSchema>["rows"][number] & {
        ordinal: bigint;
        place: number;
      })[]
    >`
      SELECT * FROM (SELECT dense_rank() OVER (ORDER BY e.ordinal)::int AS place, e.ordinal, e.id AS "episodeId", e.answer_id::text AS "answerId", e.set_id AS "setId", e.question_id AS "questionId", q.question, q.answers AS golds, a.text AS answer, j.scorer AS judge, j.value = 1 AS judged, s.value = 1 AS span, l.correct AS label
      FROM episodes e JOIN answers a ON a.id = e.answer_id JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
      JOIN scores j ON j.answer_id = e.answer_id AND j.set_id = e.set_id AND j.question_id = e.question_id AND j.scorer LIKE 'judge/%'
      JOIN scores s ON s.answer_id = e.answer_id AND s.set_id = e.set_id AND s.question_id = e.question_id AND s.scorer = ${SPAN}
      LEFT JOIN LATERAL (SELECT correct FROM score_labels x WHERE x.answer_id = e.answer_id AND x.set_id = e.set_id AND x.question_id = e.question_id ORDER BY x.at DESC LIMIT 1) l ON true
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' AND j.value <> s.value AND e.ordinal > ${after} AND (NOT ${unlabelled}::boolean OR l.correct IS NULL)) found
      WHERE place <= ${limit + 1} ORDER BY ordinal, judge`;
    const kept = rows.filter(({ place }) => place <= limit);
    return {
      rows: kept.map(({ ordinal: _ordinal, place: _place, ...row }) => row),
      nextCursor: rows.length > kept.length ? String(kept[kept.length - 1]!.ordinal) : null,
    };
  }

  /** A person says whether an answer is right; null takes it back. */
  async label(
    { answerId, setId, questionId, correct }: z.output<typeof labelScoreRequestSchema>,
    actor: string,
  ): Promise<void> {
    await this.database.transact(async ({ db }) => {
      const known = await db.$queryRaw<
        unknown[]
      >`SELECT 1 FROM episodes WHERE answer_id = ${BigInt(answerId)} AND set_id = ${setId}::uuid AND question_id = ${questionId} LIMIT 1`;
      if (known.length === 0)
        throw new AppError("not-found", "There is no such answer to that question.");
      if (correct === null)
        return void (await db.$executeRaw`DELETE FROM score_labels WHERE answer_id = ${BigInt(answerId)} AND set_id = ${setId}::uuid AND question_id = ${questionId} AND labelled_by = ${actor}`);
      await db.$executeRaw`
        INSERT INTO score_labels (answer_id, set_id, question_id, correct, labelled_by) VALUES (${BigInt(answerId)}, ${setId}::uuid, ${questionId}, ${correct}, ${actor})
        ON CONFLICT (answer_id, set_id, question_id, labelled_by) DO UPDATE SET correct = excluded.correct, at = now()`;
    });
  }
}

const rated = (counts: Agreement) => ({
  ...counts,
  observed: observedAgreement(counts),
  kappa: cohenKappa(counts),
});
