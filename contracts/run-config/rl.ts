import { z } from "zod";
import { ALGORITHM_NAMES, creditsTurns, isGrouped } from "./algorithm-names";
import { criticSchema } from "./critic";
import { rolloutSamplingFields } from "./sampling";
import { defineLaterSetting, defineSetting } from "./setting";

/** Ids of runs in one text. */
export const parseRunIds = (text: string | null | undefined): string[] => [
  ...new Set((text ?? "").split(/[\s,]+/).filter((id) => id !== "")),
];

const ragRunsSchema = z
  .string()
  .max(4_000)
  .refine((text) => parseRunIds(text).every((id) => z.uuid().safeParse(id).success), {
    message: "give the ids of runs, as their addresses end with, with spaces between",
  });

export const rlSchema = z
  .strictObject({
    algorithm: defineSetting(
      z.enum(ALGORITHM_NAMES).default("grpo"),
      "Algorithm",
      "`ppo`: a critic and GAE, as s3 trains; `grpo`: advantages normalised within a question's samples; `dr-grpo`: without the division by their deviation; `rloo`: against the mean of the other samples; `reinforce++`: normalised over the batch; `dapo`: GRPO with a higher upper clip and groups without variance drawn again; `gspo`: GRPO with one importance ratio an episode; `cispo`: GRPO whose clipped importance weight leaves every token its gradient; `rejection-sampling`: cross-entropy on each question's best episodes (docs/method.md).",
      { paper: "ppo" },
    ),
    steps: defineSetting(
      z.int().min(0).max(100_000).default(20),
      "Steps",
      "Steps of reinforcement learning: rollouts and the update from them.",
      { paper: "20" },
    ),
    questionsPerStep: defineSetting(
      z.int().min(1).max(4096).default(8),
      "Questions per step",
      "Different questions in a step.",
      { paper: "120" },
    ),
    groupSize: defineSetting(
      z.int().min(1).max(64).default(4),
      "Samples per question",
      "Episodes per question; group algorithms take their baseline from them.",
      { paper: "1" },
    ),
    temperature: defineSetting(
      z.number().positive().max(2).default(1),
      "Temperature",
      "Sampling temperature of the rollouts.",
      { paper: "0.6" },
    ),
    ...rolloutSamplingFields,
    learningRate: defineSetting(
      z.number().positive().max(1).default(5e-4),
      "Learning rate",
      "AdamW learning rate.",
      { paper: "1e-6 (full fine-tuning)" },
    ),
    lrWarmupSteps: defineSetting(
      z.int().min(0).max(100_000).default(0),
      "Learning-rate warm-up",
      "Steps in which the learning rates of searcher and critic rise linearly to their values.",
      { paper: "critic: 1% of the steps", advanced: true },
    ),
    schedule: defineLaterSetting(
      z.enum(["constant", "cosine", "linear"]),
      "constant",
      "Learning-rate schedule",
      "After the warm-up: `constant`, or down to 0 at the end of the run's steps, by half a `cosine` or in a `linear` way. A run that is given more steps stretches it.",
      { paper: "constant", advanced: true },
    ),
    scheduleOffset: defineLaterSetting(
      z.int().min(0).max(100_000),
      0,
      "Schedule offset",
      "Steps of the learning-rate schedules, warm-ups included, that lie before this run's first: a run that goes on from a checkpoint's whole state gives those done there. Schedules end after these and the run's own steps.",
      { advanced: true },
    ),
    adamBeta1: defineLaterSetting(
      z.number().min(0).max(0.9999),
      0.9,
      "AdamW's beta 1",
      "Decay of the mean of gradients, of searcher and critic.",
      { paper: "0.9", advanced: true },
    ),
    adamBeta2: defineLaterSetting(
      z.number().min(0).max(0.999_999),
      0.95,
      "AdamW's beta 2",
      "Decay of the mean of squared gradients, of searcher and critic.",
      { paper: "0.999", advanced: true },
    ),
    weightDecay: defineLaterSetting(
      z.number().min(0).max(10),
      0,
      "Weight decay",
      "AdamW's, of matrices of searcher and critic; norms and biases decay only under `search.protocol` `upstream`, as released.",
      { paper: "0.01", advanced: true },
    ),
    epochs: defineSetting(
      z.int().min(1).max(64).default(1),
      "Epochs",
      "Passes over the episodes of a step.",
      { paper: "1", advanced: true },
    ),
    miniBatch: defineSetting(
      z.int().min(0).max(262_144).default(0),
      "Mini-batch",
      "Episodes per optimiser step; 0: all of the step.",
      { paper: "30", advanced: true },
    ),
    clip: defineSetting(
      z.number().min(0).max(1).default(0.2),
      "Clip",
      "Range of the importance ratio. GSPO and CISPO have bounds of their own.",
      { paper: "0.2", advanced: true },
    ),
    clipHigh: defineSetting(
      z.number().min(0).max(10).nullable().default(null),
      "Upper clip",
      "Range of the importance ratio above 1; empty: as below it, with DAPO 0.28, GSPO 4e-4, CISPO 4 (a weight of at most 5).",
      { advanced: true },
    ),
    sequenceClip: defineLaterSetting(
      z.number().min(0).max(1),
      3e-4,
      "Sequence clip",
      "Range of an episode's importance ratio below 1, the geometric mean of its tokens' (GSPO); above 1 it is the upper clip.",
      { advanced: true },
    ),
    normalisation: defineSetting(
      z.enum(["token", "sequence", "constant"]).default("token"),
      "Normalisation",
      "The loss is averaged over all action tokens (`token`), within each episode and then over episodes (`sequence`), or divided by the longest possible episode (`constant`, as Dr. GRPO).",
      { paper: "token", advanced: true },
    ),
    credit: defineLaterSetting(
      z.enum(["episode", "turn"]),
      "episode",
      "Credit",
      "`episode`: every token of an episode has its advantage; `turn`: each turn is rewarded by what the answer gained by it, normalised over all turns of a question's samples, and credited with what followed (IGPO). The generator then answers after each turn, once for the same documents.",
      { advanced: true },
    ),
    turnDiscount: defineLaterSetting(
      z.number().min(0).max(1),
      1,
      "Turn discount",
      "Of the rewards of later turns, with credit by turns.",
      { advanced: true },
    ),
    gamma: defineSetting(
      z.number().min(0).max(1).default(1),
      "Gamma",
      "Discount per action token (PPO, REINFORCE++).",
      { paper: "1", advanced: true },
    ),
    lambda: defineSetting(
      z.number().min(0).max(1).default(1),
      "Lambda",
      "Of generalised advantage estimation (PPO): 1 trusts the rewards, 0 the critic.",
      { paper: "1", advanced: true },
    ),
    whiten: defineSetting(
      z.boolean().default(true),
      "Whiten advantages",
      "To mean 0 and variance 1 over the action tokens of a step (PPO).",
      { paper: "on", advanced: true },
    ),
    klCoefficient: defineSetting(
      z.number().min(0).max(10).default(0),
      "KL coefficient",
      "Weight of the KL to the policy before reinforcement learning.",
      { paper: "0.001", advanced: true },
    ),
    klEstimator: defineSetting(
      z.enum(["k1", "k2", "k3"]).default("k3"),
      "KL estimator",
      "Schulman's estimators of the KL from samples: k1 unbiased, k2 half the square, k3 unbiased and never negative.",
      { paper: "k1", advanced: true },
    ),
    klIn: defineSetting(
      z.enum(["loss", "reward"]).default("loss"),
      "KL in",
      "The penalty is a term of the loss, or taken from the reward of each action token (of each episode, for group algorithms).",
      { paper: "reward", advanced: true },
    ),
    klTarget: defineSetting(
      z.number().positive().max(1000).nullable().default(null),
      "KL target",
      "The coefficient follows the measured KL towards this value (Ziegler et al. 2019); empty: it is fixed.",
      { paper: "fixed", advanced: true },
    ),
    klHorizon: defineSetting(
      z.int().min(1).max(1_000_000_000).default(10_000),
      "KL horizon",
      "Episodes in which the coefficient adapts.",
      { advanced: true },
    ),
    entropyCoefficient: defineSetting(
      z.number().min(0).max(1).default(0),
      "Entropy coefficient",
      "Weight of the entropy bonus.",
      { paper: "0.001", advanced: true },
    ),
    gradientClip: defineSetting(
      z.number().positive().max(100).default(1),
      "Gradient clip",
      "Largest gradient norm.",
      { paper: "1", advanced: true },
    ),
    resample: defineSetting(
      z.int().min(0).max(8).default(1),
      "Resample",
      "How many times groups that cannot teach (all samples earned the same) are replaced by new questions in a step.",
    ),
    filterAnswered: defineSetting(
      z.boolean().default(true),
      "Skip what naive RAG answers",
      "Questions that naive RAG already answers leave the pool.",
      { paper: "on" },
    ),
    ragRuns: defineLaterSetting(
      ragRunsSchema.nullable(),
      null,
      "Naive RAG from runs",
      "Ids of runs, with spaces between, whose stored answers are naive RAG's, e.g. of an imported rag_cache.json: for the questions that they hold nothing is retrieved or answered again. A run made here must have this run's corpus, retriever, naive-RAG documents and prompt; imported files do not say theirs and are taken as they are, their `generation-accuracy` where the gold answers are the same. Empty: naive RAG answers every question in the run.",
      { paper: "rag_cache.json", advanced: true },
    ),
    overlap: defineSetting(
      z.boolean().default(false),
      "Overlap",
      "The next step's episodes are rolled out while this step's gradient is taken: off-policy by one step, which the importance ratio corrects, or truncated importance weights (`truncateRatio`).",
      { paper: "off", advanced: true },
    ),
    oldLogprobs: defineSetting(
      z.enum(["sampler", "trainer"]).default("sampler"),
      "Old log-probabilities",
      "The ratio's denominator: as the sampler gave them, or computed anew by the trainer before the update.",
      { paper: "trainer", advanced: true },
    ),
    truncateRatio: defineSetting(
      z.number().min(1).max(100).nullable().default(null),
      "Truncate mismatch",
      "Tokens are weighted by how much likelier the trainer finds them than the sampler did, at most this (truncated importance sampling), for another numerics and, with overlap, for weights one step older; empty: not.",
      { advanced: true },
    ),
    critic: criticSchema,
  })
  .superRefine((settings, context) => {
    for (const [path, message] of listRlProblems(settings))
      context.addIssue({ code: "custom", path: path.split("."), message });
  })
  .prefault({})
  .meta({
    title: "Reinforcement learning",
    description: "How the searcher learns from its rewards.",
  });
export type RlConfig = z.infer<typeof rlSchema>;

/** Combinations that cannot work, by the setting to change and how. */
function listRlProblems(rl: Omit<RlConfig, never>): [path: string, message: string][] {
  const { algorithm, groupSize, questionsPerStep, miniBatch } = rl;
  const episodes = groupSize * questionsPerStep;
  const problems: [applies: boolean, path: string, message: string][] = [
    [
      groupSize < 2 && isGrouped(algorithm),
      "groupSize",
      `must be at least 2 with ${algorithm}, whose baseline is the group; ppo and reinforce++ need only 1`,
    ],
    [
      groupSize * questionsPerStep < 2 && !isGrouped(algorithm) && algorithm !== "ppo",
      "questionsPerStep",
      "one episode a step has no deviation to normalise by: raise questionsPerStep or groupSize",
    ],
    [
      algorithm === "dapo" && rl.normalisation !== "token",
      "normalisation",
      "DAPO averages over tokens: choose token, or grpo with another upper clip",
    ],
    [
      algorithm === "dapo" && rl.resample === 0,
      "resample",
      "DAPO draws groups without variance again: give at least 1, or choose grpo",
    ],
    [
      rl.credit === "turn" && !creditsTurns(algorithm),
      "credit",
      `${algorithm} has no group of turns: choose grpo, dr-grpo, dapo, gspo or cispo, or credit by episode`,
    ],
    [
      algorithm === "rejection-sampling" && rl.klCoefficient > 0,
      "klCoefficient",
      "rejection sampling learns by cross-entropy, which has no KL term: set 0",
    ],
    [
      algorithm === "rejection-sampling" && rl.entropyCoefficient > 0,
      "entropyCoefficient",
      "rejection sampling learns by cross-entropy, which has no entropy bonus: set 0",
    ],
    [
      miniBatch > episodes,
      "miniBatch",
      `a step has only ${episodes} episodes: give at most as many, or 0 for all`,
    ],
    [
      rl.overlap && (rl.epochs > 1 || (miniBatch > 0 && miniBatch < episodes)),
      "overlap",
      "rollouts overlap a single optimiser step: set epochs to 1 and miniBatch to 0, or switch overlap off",
    ],
    [
      rl.overlap && rl.oldLogprobs === "trainer" && rl.truncateRatio === null,
      "oldLogprobs",
      "against the trainer's weights the ratio does not correct overlapped episodes, which are of the weights before: choose sampler, or give truncateRatio, e.g. 2",
    ],
    [
      rl.klTarget !== null && rl.klCoefficient === 0,
      "klCoefficient",
      "an adaptive coefficient starts from here: give one above 0, or leave klTarget empty",
    ],
    [
      rl.truncateRatio !== null && rl.oldLogprobs === "sampler",
      "oldLogprobs",
      "the mismatch is measured against the trainer: choose trainer, or leave truncateRatio empty",
    ],
    [
      rl.critic.kind === "adapter" && rl.critic.model !== null,
      "critic.model",
      "an adapter sits on the searcher's own model: leave this empty, or set critic.kind to model",
    ],
    [
      algorithm === "ppo" && rl.critic.warmupSteps > 0 && rl.critic.warmupSteps >= rl.steps,
      "critic.warmupSteps",
      "the searcher would never learn: give fewer than rl.steps",
    ],
  ];
  return problems.flatMap(([applies, path, message]) => (applies ? [[path, message]] : []));
}
