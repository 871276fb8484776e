import type { z } from "zod";
import type {
  disagreementsRequestSchema,
  disagreementsResponseSchema,
  judgedRunsResponseSchema,
  labelScoreRequestSchema,
  scoreAgreementResponseSchema,
  scoreFailuresResponseSchema,
  scoreSummaryResponseSchema,
  unreadRepliesResponseSchema,
} from "@/contracts/api/scores";
import { AppError } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import {
  countAgreement,
  computeCohenKappa,
  computeObservedAgreement,
  type Agreement,
} from "@/core/scoring/agreement";
import type { Score } from "@/contracts/records/episode";
import type { RuleScorer } from "@/contracts/run-config/scoring";
import { combineWithVerdicts } from "@/core/scoring/judged-scoring";
import { scoreByRule, scoreByRules, type Scorable } from "@/core/scoring/rule-scoring";
import { countAskedQuestions } from "@/server/features/question-sets/count-chosen";
import type { Database } from "@/server/platform/db/database";
import {
  insertRuleScores,
  selectAnswerCounts,
  selectAnswersToScore,
  selectDisagreements,
  selectJudgedAnswers,
  selectJudgedRuns,
  selectScorerMeans,
  selectSpanScorer,
  selectUnansweredFailures,
  selectUnreadCounts,
  selectUnreadReplies,
  upsertLabel,
} from "./queries";
import { chunk } from "@/lib/chunk";

const BATCH = 2_000;

/** What scorers say of a predict run's answers, how far they agree, and what people say of them. */
export class Scoring {
  constructor(private readonly database: Database) {}

  /** Every scorer over the answered questions, and how many are missing: accuracy never counts those. @throws AppError "not-found", "unsupported" */
  async readSummary(runId: string): Promise<z.infer<typeof scoreSummaryResponseSchema>> {
    const { db } = this.database;
    const counts = await selectAnswerCounts(db, runId);
    if (!counts) throw new AppError("not-found", `There is no run ${runId}.`);
    const config = runConfigSchema.parse(counts.config);
    if (config.kind !== "predict")
      throw new AppError("unsupported", "Only predict runs are scored.");
    const { setId, answered, failed } = counts;
    const questions =
      setId === null ? 0 : await countAskedQuestions(db, setId, config, counts.questions);
    return {
      questions,
      answered,
      missing: Math.max(0, questions - answered),
      failed,
      scorers: await selectScorerMeans(db, runId),
      unread: await selectUnreadCounts(db, runId),
    };
  }

  /** Answers about which a judge's reply could not be read, so that it counts as no. */
  listUnreadReplies(runId: string): Promise<z.infer<typeof unreadRepliesResponseSchema>> {
    return selectUnreadReplies(this.database.db, runId);
  }

  /** Questions that the run could not answer and has not answered since. */
  listFailures(runId: string): Promise<z.infer<typeof scoreFailuresResponseSchema>> {
    return selectUnansweredFailures(this.database.db, runId);
  }

  /**
   * Scores the stored answers by every rule that has not scored them yet, by `rule` as well, and by generation accuracy where a
   * judge's verdict is stored. No worker is asked.
   * @returns scores added
   */
  async rescore(runId: string, rule?: RuleScorer): Promise<{ added: number }> {
    const rows = await selectAnswersToScore(this.database.db, runId);
    let added = 0;
    for (const batch of chunk(rows, BATCH)) {
      const scores = batch.flatMap((row) =>
        scoreStoredAnswer(row, rule).map(({ scorer, value }) => ({
          answer: String(row.answerId),
          set: row.setId,
          question: row.questionId,
          scorer,
          value,
        })),
      );
      added += await this.database.transact(({ db }) => insertRuleScores(db, scores));
    }
    return { added };
  }

  /** How far judge and span rule agree, and each with the people who labelled; for every judge that scored the run. */
  async computeAgreement(runId: string): Promise<z.infer<typeof scoreAgreementResponseSchema>> {
    const span = await selectSpanScorer(this.database.db, runId);
    if (span === null) return [];
    const rows = await selectJudgedAnswers(this.database.db, runId, span);
    return [...new Set(rows.map(({ judge }) => judge))].map((judge) => {
      const judged = rows.filter((row) => row.judge === judge);
      const labelled = judged.flatMap(({ label, ...row }) =>
        label === null ? [] : [{ ...row, label }],
      );
      return {
        judge,
        span,
        judgeAndSpan: addCoefficients(
          countAgreement(judged.map((row) => [row.judged === 1, row.span === 1] as const)),
        ),
        judgeAndPeople: addCoefficients(
          countAgreement(labelled.map((row) => [row.judged === 1, row.label] as const)),
        ),
        spanAndPeople: addCoefficients(
          countAgreement(labelled.map((row) => [row.span === 1, row.label] as const)),
        ),
      };
    });
  }

  /** Runs that a judge has scored, of which people can label what it and the span rule disagree on. */
  listJudgedRuns(): Promise<z.infer<typeof judgedRunsResponseSchema>> {
    return selectJudgedRuns(this.database.db);
  }

  /** Answers on which a judge and the span rule differ, with what a person said of them. All judges of one answer are on one page. */
  async listDisagreements({
    runId,
    unlabelled,
    cursor,
    limit,
  }: z.output<typeof disagreementsRequestSchema>): Promise<
    z.infer<typeof disagreementsResponseSchema>
  > {
    const span = await selectSpanScorer(this.database.db, runId);
    if (span === null) return { rows: [], nextCursor: null };
    const rows = await selectDisagreements(this.database.db, {
      runId,
      span,
      unlabelled,
      after: BigInt(cursor ?? "-1"),
      episodes: limit + 1,
    });
    const page = rows.filter(({ place }) => place <= limit);
    return {
      rows: page.map(({ ordinal: _ordinal, place: _place, ...row }) => row),
      nextCursor: rows.length > page.length ? String(page.at(-1)!.ordinal) : null,
    };
  }

  /** Stores whether a person says that an answer is right; null takes it back. @throws AppError "not-found" */
  async storeLabel(
    { answerId, setId, questionId, correct }: z.output<typeof labelScoreRequestSchema>,
    labelledBy: string,
  ): Promise<void> {
    const place = { answerId: BigInt(answerId), setId, questionId };
    await this.database.transact(async ({ db }) => {
      const episode = await db.episode.findFirst({ where: place, select: { id: true } });
      if (!episode) throw new AppError("not-found", "There is no such answer to that question.");
      if (correct === null) await db.scoreLabel.deleteMany({ where: { ...place, labelledBy } });
      else await upsertLabel(db, { ...place, labelledBy, correct });
    });
  }
}

/** Every score of a stored answer that needs no model. */
const scoreStoredAnswer = (
  row: Scorable & { text: string; verdicts: Record<string, number> | null },
  rule: RuleScorer | undefined,
): Score[] => {
  const scores = scoreByRules(row.text, row);
  const asked = rule === undefined ? [] : [scoreByRule(rule, row.text, row)];
  return [
    ...scores,
    ...asked.filter(({ scorer }) => scores.every((score) => score.scorer !== scorer)),
    ...combineWithVerdicts(row.text, row.answers, row.verdicts ?? {}),
  ];
};

const addCoefficients = (counts: Agreement) => ({
  ...counts,
  observed: computeObservedAgreement(counts),
  kappa: computeCohenKappa(counts),
});
