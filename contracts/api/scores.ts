import { z } from "zod";
import { ruleScorerSchema } from "@/contracts/run-config/scoring";
import { rowIdSchema } from "./row-id";

export const scoreRunRequestSchema = z.object({ runId: z.uuid() });

export const scoreSummaryResponseSchema = z.object({
  /** Questions that the run is to answer. */
  questions: z.int(),
  answered: z.int(),
  /** Without an answer: not counted by any mean. */
  missing: z.int(),
  /** Missing ones that were tried and failed. */
  failed: z.int(),
  /** Mean over the answers that the scorer has scored. */
  scorers: z.array(z.object({ scorer: z.string(), scored: z.int(), mean: z.number() })),
  /** Judged scorers that count a reply which says neither yes nor no as no: how many replies there were, and how many such. */
  unread: z.array(z.object({ scorer: z.string(), replies: z.int(), unread: z.int() })),
});

/** Answers about which a judge said neither yes nor no, so that they count as wrong; at most 1,000. */
export const unreadRepliesResponseSchema = z.array(
  z.object({
    scorer: z.string(),
    questionId: z.string(),
    question: z.string(),
    answer: z.string(),
  }),
);

const agreementSchema = z.object({
  bothYes: z.int(),
  firstOnly: z.int(),
  secondOnly: z.int(),
  bothNo: z.int(),
  /** Share on which both agree; null without any answer. */
  observed: z.number().nullable(),
  /** Cohen's kappa; null where it is not defined. */
  kappa: z.number().nullable(),
});

export const scoreAgreementResponseSchema = z.array(
  z.object({
    judge: z.string(),
    /** The span rule with its version. */
    span: z.string(),
    judgeAndSpan: agreementSchema,
    judgeAndPeople: agreementSchema,
    spanAndPeople: agreementSchema,
  }),
);

export const disagreementsRequestSchema = z.object({
  runId: z.uuid(),
  /** Only those that nobody has labelled. */ unlabelled: z.boolean().default(false),
  cursor: rowIdSchema.nullish(),
  limit: z.int().min(1).max(500).default(100),
});

export const disagreementsResponseSchema = z.object({
  rows: z.array(
    z.object({
      episodeId: z.uuid(),
      answerId: z.string(),
      setId: z.uuid(),
      questionId: z.string(),
      question: z.string(),
      golds: z.array(z.string()),
      answer: z.string(),
      judge: z.string(),
      judged: z.boolean(),
      span: z.boolean(),
      /** The last person's label; null: none yet. */
      label: z.boolean().nullable(),
    }),
  ),
  nextCursor: z.string().nullable(),
});

export const scoreFailuresResponseSchema = z.array(
  z.object({
    questionId: z.string(),
    question: z.string(),
    code: z.string(),
    reason: z.string(),
    tries: z.int(),
    attempt: z.int(),
    at: z.date(),
  }),
);

/** Runs whose answers a judge has scored, newest first; at most 200. */
export const judgedRunsResponseSchema = z.array(
  z.object({
    runId: z.uuid(),
    name: z.string(),
    questionSet: z.string(),
    judge: z.string(),
    judged: z.int(),
  }),
);

export const labelScoreRequestSchema = z.object({
  answerId: rowIdSchema,
  setId: z.uuid(),
  questionId: z.string().min(1),
  /** Null removes the label. */
  correct: z.boolean().nullable(),
});

export const rescoreRequestSchema = scoreRunRequestSchema.extend({
  /** A rule that is not scored with every answer. */
  rule: ruleScorerSchema.optional(),
});
export const rescoreResponseSchema = z.object({ added: z.int() });
