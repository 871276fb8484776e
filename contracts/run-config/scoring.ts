import { z } from "zod";
import { connectionSchema, endpointSchema } from "./model";
import { checkPrompt, findPromptId, promptTextSchema } from "./prompt";
import { explain } from "./setting";

/** How answers are scored. */

/** Scorers that need no model (core/scoring/rule-scoring.ts). */
export const ruleScorerSchema = z.enum(["span", "exact-match", "f1", "option-letter"]);
export type RuleScorer = z.infer<typeof ruleScorerSchema>;

export const scorerSchema = z
  .enum([...ruleScorerSchema.options, "judge", "generation-accuracy"])
  .default("span")
  .meta(
    explain(
      "Scorer",
      "`span`: the normalised answer contains a gold answer; `exact-match`: it equals one (SQuAD normalisation); `f1`: token F1; `option-letter`: the right option of a multiple choice; `judge`: a model says yes or no; `generation-accuracy`: span, or else the judge.",
      { paper: "generation-accuracy (MIRAGE: judge)" },
    ),
  );
export type ScorerName = z.infer<typeof scorerSchema>;

/** Whether a scorer asks a model. */
export const needsJudge = (name: ScorerName): boolean =>
  name === "judge" || name === "generation-accuracy";
export const isRule = (name: ScorerName): name is RuleScorer => !needsJudge(name);

export const judgeSchema = z
  .strictObject({
    model: z
      .string()
      .min(1)
      .default("smollm2-135m-instruct")
      .meta(
        explain(
          "Model",
          "Frozen model that judges, with scorers `judge` and `generation-accuracy`.",
          { paper: "the generator" },
        ),
      ),
    endpoint: endpointSchema,
    connection: connectionSchema,
    promptTemplate: promptTextSchema.meta(
      explain(
        "Prompt",
        "Text of the judge's prompt with its {placeholders}; empty: the built-in version. Another text is another scorer.",
        { advanced: true },
      ),
    ),
  })
  .superRefine(({ promptTemplate }, context) =>
    checkPrompt(
      context,
      ["promptTemplate"],
      findPromptId("judge.promptTemplate", {}),
      promptTemplate,
    ),
  )
  .prefault({})
  .meta({
    title: "Judge",
    description:
      "The model that says whether an answer is right; asked only by the scorers that need it.",
  });
export type JudgeConfig = z.infer<typeof judgeSchema>;

export const failuresSchema = z
  .strictObject({
    stopAfter: z
      .int()
      .min(1)
      .max(10_000)
      .default(10)
      .meta(
        explain(
          "Stop after failures",
          "Questions that fail one after the other until the run stops; single failures are listed and the run goes on.",
          { advanced: true },
        ),
      ),
    allowMissing: z
      .boolean()
      .default(false)
      .meta(
        explain(
          "Allow missing questions",
          "On: a run with unanswered questions succeeds, and says how many are missing. Off: it fails, and resuming it retries those alone.",
          { advanced: true },
        ),
      ),
  })
  .prefault({})
  .meta({
    title: "Failures",
    description:
      "What happens when single questions cannot be answered. They are never scored as wrong.",
  });

export const reuseSchema = z
  .strictObject({
    episodesOf: z
      .uuid()
      .nullable()
      .default(null)
      .meta(
        explain(
          "Episodes of run",
          "Answers the stored episodes of this predict run again, without searching; empty: searches.",
        ),
      ),
    keepAnswers: z
      .boolean()
      .default(false)
      .meta(
        explain(
          "Keep its answers",
          "Scores that run's answers as they are; the generator is not asked.",
        ),
      ),
    equalEpisodes: z
      .enum(["known-weights", "always", "never"])
      .default("known-weights")
      .meta(
        explain(
          "Equal episodes",
          "Episodes that another run has made with the same cache key are taken over. `known-weights`: where the keys hold model and documents, of the worker's own engine and indexes; `always`: of endpoints and other servers' indexes too, which must be the same still; `never`: all are made anew.",
          { advanced: true },
        ),
      ),
  })
  .refine(({ episodesOf, keepAnswers }) => episodesOf !== null || !keepAnswers, {
    path: ["keepAnswers"],
    message: "needs a run whose answers are kept (episodesOf)",
  })
  .prefault({})
  .meta({
    title: "Reuse",
    description:
      "Another generator for stored episodes, another scorer for stored answers, and equal work that is done once.",
  });
