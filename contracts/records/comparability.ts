import { z } from "zod";

/**
 * Why a result has no common rank with another, or none at all: a code and the values of its text, which
 * core/comparability/reasons.ts holds, so that a page says it in its own language.
 */
export const comparabilityReasonSchema = z.object({
  code: z.enum([
    "questions",
    "questions-version",
    "all-questions",
    "first-questions",
    "sampled-questions",
    "without-yes-no",
    "with-yes-no",
    "corpus",
    "corpus-version",
    "generator",
    "prompt",
    "token-limit",
    "unknown-token-limit",
    "scorer",
    "incomplete",
  ]),
  values: z.record(z.string(), z.union([z.string(), z.int()])),
});
export type ComparabilityReason = z.infer<typeof comparabilityReasonSchema>;
