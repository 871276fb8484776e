import {
  scoreRunRequestSchema,
  scoreSummaryResponseSchema,
  scoreAgreementResponseSchema,
  disagreementsRequestSchema,
  disagreementsResponseSchema,
  scoreFailuresResponseSchema,
  judgedRunsResponseSchema,
  labelScoreRequestSchema,
  rescoreRequestSchema,
  rescoreResponseSchema,
  unreadRepliesResponseSchema,
} from "@/contracts/api/scores";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

export const scoresRouter = router({
  summary: procedure
    .input(scoreRunRequestSchema)
    .output(scoreSummaryResponseSchema)
    .query(({ ctx, input }) => ctx.services.scoring.readSummary(input.runId)),
  /** The first 1,000 questions that a run could not answer, with the last reason; resuming the run tries those alone. */
  failures: procedure
    .input(scoreRunRequestSchema)
    .output(scoreFailuresResponseSchema)
    .query(({ ctx, input }) => ctx.services.scoring.listFailures(input.runId)),
  /** Agreement of each judge with the span rule, and of both with the people who labelled. */
  agreement: procedure
    .input(scoreRunRequestSchema)
    .output(scoreAgreementResponseSchema)
    .query(({ ctx, input }) => ctx.services.scoring.computeAgreement(input.runId)),
  /** Answers on which judge and span rule differ, in the order of the episodes. */
  disagreements: procedure
    .input(disagreementsRequestSchema)
    .output(disagreementsResponseSchema)
    .query(({ ctx, input }) => ctx.services.scoring.listDisagreements(input)),
  judged: procedure
    .input(z.object({}).optional())
    .output(judgedRunsResponseSchema)
    .query(({ ctx }) => ctx.services.scoring.listJudgedRuns()),
  /** A person says whether an answer is right. */
  label: procedure
    .input(labelScoreRequestSchema)
    .output(z.object({}))
    .mutation(async ({ ctx, input }) => {
      await ctx.services.scoring.storeLabel(input, ctx.actor);
      return {};
    }),
  /** The first 1,000 answers about which a judge's reply could not be read, so that it counts as no. */
  unread: procedure
    .input(scoreRunRequestSchema)
    .output(unreadRepliesResponseSchema)
    .query(({ ctx, input }) => ctx.services.scoring.listUnreadReplies(input.runId)),
  /** Scores a run's stored answers by every rule (span, exact match, F1, option letter), and by `rule`. A judge needs a run: reuse.keepAnswers. */
  rescore: procedure
    .input(rescoreRequestSchema)
    .output(rescoreResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.scoring.rescore(input.runId, input.rule)),
});
