import { z } from "zod";
import { procedure } from "../trpc";
import { scoreRunRequest } from "./summary";

const agreement = z.object({
  bothYes: z.int(),
  firstOnly: z.int(),
  secondOnly: z.int(),
  bothNo: z.int(),
  /** Share on which both agree; null without any answer. */
  observed: z.number().nullable(),
  /** Cohen's kappa; null where it is not defined. */
  kappa: z.number().nullable(),
});
export const scoreAgreementResponse = z.array(
  z.object({
    judge: z.string(),
    judgeAndSpan: agreement,
    judgeAndPeople: agreement,
    spanAndPeople: agreement,
  }),
);

/** Agreement of each judge with the span rule, and of both with the people who labelled. */
export const scoreAgreement = procedure
  .input(scoreRunRequest)
  .output(scoreAgreementResponse)
  .query(({ ctx, input }) => ctx.services.scoring.agreement(input.runId));
