import { z } from "zod";
import { checkDialect, connectionSchema, dialectSchema, endpointSchema } from "./model";
import { checkPrompt, findPromptId, promptTextSchema } from "./prompt";
import { defineLaterSetting, defineSetting } from "./setting";

/** How answers are scored. */

/** Scorers that need no model (core/scoring/rule-scoring.ts). */
export const ruleScorerSchema = z.enum([
  "span",
  "exact-match",
  "f1",
  "option-letter",
  "span/upstream",
]);
export type RuleScorer = z.infer<typeof ruleScorerSchema>;

export const scorerSchema = defineSetting(
  z
    .enum([
      ...ruleScorerSchema.exclude(["span/upstream"]).options,
      "judge",
      "generation-accuracy",
      "span/upstream",
      "generation-accuracy/upstream",
    ])
    .default("span"),
  "Scorer",
  "`span`: the words of a gold answer stand in the answer; `exact-match`: it equals one (SQuAD normalisation); `f1`: token F1; `option-letter`: the right option of a multiple choice; `judge`: a model says yes or no; `generation-accuracy`: span, or else the judge; `span/upstream` and `generation-accuracy/upstream`: as the released code scores, with its defects.",
  { paper: "generation-accuracy (MIRAGE: judge)" },
);
export type ScorerName = z.infer<typeof scorerSchema>;

/** Whether a scorer asks a model. */
export const needsJudge = (name: ScorerName): name is JudgedScorer => !isRule(name);
export const isRule = (name: ScorerName): name is RuleScorer =>
  ruleScorerSchema.safeParse(name).success;
/** Scorers that ask a model. */
export type JudgedScorer = Exclude<ScorerName, RuleScorer>;

export const judgeSchema = z
  .strictObject({
    model: defineSetting(
      z.string().min(1).default("smollm2-135m-instruct"),
      "Model",
      "Frozen model that judges, with the scorers that ask one.",
      { paper: "the generator" },
    ),
    endpoint: endpointSchema,
    dialect: dialectSchema,
    connection: connectionSchema,
    promptTemplate: defineSetting(
      promptTextSchema,
      "Prompt",
      "Text of the judge's prompt with its {placeholders}; empty: the built-in version. Where it has {options}, {question} stands without those of a multiple choice. Another text is another scorer.",
      { advanced: true },
    ),
  })
  .superRefine(({ promptTemplate, ...model }, context) => {
    checkDialect(context, model);
    checkPrompt(
      context,
      ["promptTemplate"],
      findPromptId("judge.promptTemplate", {}),
      promptTemplate,
    );
  })
  .prefault({})
  .meta({
    title: "Judge",
    description:
      "The model that says whether an answer is right; asked only by the scorers that need it.",
  });
export type JudgeConfig = z.infer<typeof judgeSchema>;

export const failuresSchema = z
  .strictObject({
    stopAfter: defineSetting(
      z.int().min(1).max(10_000).default(10),
      "Stop after failures",
      "Questions that fail one after the other until the run stops; single failures are listed and the run goes on.",
      { advanced: true },
    ),
    allowMissing: defineSetting(
      z.boolean().default(false),
      "Allow missing questions",
      "On: a run with unanswered questions succeeds, and says how many are missing. Off: it fails, and resuming it retries those alone.",
      { advanced: true },
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
    episodesOf: defineSetting(
      z.uuid().nullable().default(null),
      "Episodes of run",
      "Answers the stored episodes of this predict run again, without searching; empty: searches.",
    ),
    keepAnswers: defineSetting(
      z.boolean().default(false),
      "Keep its answers",
      "Scores that run's answers as they are; the generator is not asked.",
    ),
    context: defineLaterSetting(
      z.enum(["selected", "no-select", "no-init", "no-both"]),
      "selected",
      "Documents handed over",
      "Of the stored episodes of an s3 run: `selected`, as the run handed them over; `no-select`: every document of every window; `no-init`: what was selected after the first window; `no-both`: every document of the windows after the first. A row of its own on the leaderboard.",
      { advanced: true },
    ),
    equalEpisodes: defineSetting(
      z.enum(["known-weights", "always", "never"]).default("known-weights"),
      "Equal episodes",
      "Episodes that another run has made with the same cache key are taken over. `known-weights`: where the keys hold model and documents, of the worker's own engine and indexes; `always`: of endpoints and other servers' indexes too, which must be the same still; `never`: all are made anew.",
      { advanced: true },
    ),
  })
  .refine(({ episodesOf, keepAnswers }) => episodesOf !== null || !keepAnswers, {
    path: ["keepAnswers"],
    message: "needs a run whose answers are kept (episodesOf)",
  })
  .refine(
    ({ episodesOf, context }) => episodesOf !== null || (context ?? "selected") === "selected",
    {
      path: ["context"],
      message: "chooses among the windows of a run's stored episodes: name that run (episodesOf)",
    },
  )
  .prefault({})
  .meta({
    title: "Reuse",
    description:
      "Another generator for stored episodes, another scorer for stored answers, and equal work that is done once.",
  });
/** Which documents of stored episodes are handed over in place of the selected ones; null: the selected ones are. */
export const getAblation = ({ context = "selected" }: z.infer<typeof reuseSchema>) =>
  context === "selected" ? null : context;
export type Ablation = NonNullable<ReturnType<typeof getAblation>>;
