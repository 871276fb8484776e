import { z } from "zod";
import { defineLaterSetting, defineSetting } from "./setting";

/** Leaves out questions that are answered by yes or no. */
export const skipYesNoSchema = defineLaterSetting(
  z.boolean(),
  false,
  "Skip yes and no",
  "Leaves out questions with a gold answer that is exactly yes, no, true or false, also capitalised, as the released code does with its training questions.",
  { paper: "on (training)", advanced: true },
);

/** Which questions of its set a run asks. */
export const questionChoiceFields = {
  limit: defineSetting(
    z.int().min(1).nullable().default(null),
    "Limit",
    "Only the first n questions; empty: all. With a sample's seed: n of each data source.",
  ),
  sampleSeed: defineLaterSetting(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .nullable(),
    null,
    "Sample's seed",
    "Draws the limit's questions from each data source (the questions' type) in place of the first ones, as the released code does for its tests (3000 by seed 42): the same questions on every machine. Empty: the first n.",
    { paper: "42", advanced: true },
  ),
  skipYesNo: skipYesNoSchema,
};

/** What of a configuration says which questions are asked. */
export type QuestionChoice = z.infer<z.ZodObject<typeof questionChoiceFields>>;

/** Refuses a seed that draws nothing, as an issue of the configuration. */
export function checkQuestionChoice(
  context: z.core.$RefinementCtx,
  { limit, sampleSeed }: QuestionChoice,
): void {
  if (limit === null && sampleSeed !== undefined && sampleSeed !== null)
    context.addIssue({
      code: "custom",
      path: ["sampleSeed"],
      message: "draws as many questions as limit says: give a limit, or leave this empty",
    });
}
