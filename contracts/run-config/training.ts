import { z } from "zod";
import { scorerSchema } from "./scoring";
import { describeSetting } from "./setting";

/** How a searcher is trained: reward, cold start, reinforcement learning, evaluation and checkpoints. */

const weight = (fallback = 0) => z.number().min(-100).max(100).default(fallback);

const rewardWeightsSchema = z
  .strictObject({
    gbr: weight(1).meta(
      describeSetting(
        "Gain Beyond RAG",
        "Accuracy minus naive RAG's, with the same generator (paper, equation 1).",
        { paper: "1" },
      ),
    ),
    upstream: weight().meta(
      describeSetting(
        "Utility + generation",
        "The released code's reward: 2 x accuracy - naive RAG's.",
        {
          paper: "released code: 1",
        },
      ),
    ),
    accuracy: weight().meta(describeSetting("Accuracy", "By the scorer, without naive RAG.")),
    exactMatch: weight().meta(
      describeSetting(
        "Exact match",
        "The generator's answer equals a gold answer (SQuAD normalisation).",
      ),
    ),
    goldRecall: weight().meta(
      describeSetting(
        "Gold recall",
        "Share of gold documents handed to the generator; every training question must name some.",
      ),
    ),
    format: weight().meta(
      describeSetting("Format", "1 for an episode without a format error, else 0."),
    ),
    length: weight().meta(
      describeSetting("Length", "Cost of a thousand tokens that the searcher wrote; subtracted."),
    ),
    search: weight().meta(
      describeSetting("Search", "Cost of each search after turn 0; subtracted."),
    ),
  })
  .prefault({})
  .meta({ title: "Weights", description: "Terms of the reward; 0: not used." });
export type RewardWeights = z.infer<typeof rewardWeightsSchema>;
export type RewardTerm = keyof RewardWeights;

export const rewardSchema = z
  .strictObject({ weights: rewardWeightsSchema, scorer: scorerSchema })
  .superRefine(({ weights }, context) => {
    if (Object.values(weights).every((w) => w === 0))
      context.addIssue({
        code: "custom",
        path: ["weights", "gbr"],
        message: "every weight is 0, so nothing is rewarded: give one term a weight",
      });
  })
  .prefault({})
  .meta({
    title: "Reward",
    description: "What the searcher is rewarded for: a weighted sum of terms, each logged apart.",
  });
export type RewardConfig = z.infer<typeof rewardSchema>;

export const coldStartSchema = z
  .strictObject({
    demonstrations: z
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .meta(
        describeSetting(
          "Demonstrations",
          "Gold paths shown before reinforcement learning; 0: none. Needs questions with gold documents and queries.",
          { paper: "0" },
        ),
      ),
    batchSize: z
      .int()
      .min(1)
      .max(1024)
      .default(8)
      .meta(describeSetting("Batch size", "Demonstrations per optimiser step.")),
    learningRate: z
      .number()
      .positive()
      .max(1)
      .default(1e-3)
      .meta(describeSetting("Learning rate", "AdamW learning rate of the cold start.")),
  })
  .prefault({})
  .meta({
    title: "Cold start",
    description: "Supervised steps on gold paths, so that a small model knows the form.",
  });

export const algorithmNameSchema = z.enum([
  "ppo",
  "grpo",
  "dr-grpo",
  "rloo",
  "reinforce++",
  "dapo",
  "rejection-sampling",
]);
export type AlgorithmName = z.infer<typeof algorithmNameSchema>;

/** Algorithms whose baseline is not the group's, so that one sample per question is enough. */
const UNGROUPED: readonly AlgorithmName[] = ["ppo", "reinforce++"];
/** Whether a question's samples are measured against each other. */
export const isGrouped = (algorithm: AlgorithmName): boolean => !UNGROUPED.includes(algorithm);

const criticSchema = z
  .strictObject({
    kind: z
      .enum(["adapter", "model"])
      .default("adapter")
      .meta(
        describeSetting(
          "Critic",
          "`adapter`: a second adapter with a value head on the searcher's own base, which is held once; `model`: a model of its own, whose weights are trained (of the searcher's own model from adapter.firstLayer up).",
          { paper: "model" },
        ),
      ),
    model: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .meta(
        describeSetting("Critic's model", "Only with `model`; empty: the searcher's.", {
          paper: "the searcher's",
          advanced: true,
        }),
      ),
    learningRate: z
      .number()
      .positive()
      .max(1)
      .default(1e-3)
      .meta(
        describeSetting("Critic's learning rate", "AdamW learning rate of the critic.", {
          paper: "1e-5",
        }),
      ),
    warmupSteps: z
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .meta(
        describeSetting("Critic-only steps", "In the first n steps only the critic learns.", {
          paper: "0",
          advanced: true,
        }),
      ),
    valueClip: z
      .number()
      .positive()
      .max(1000)
      .nullable()
      .default(0.5)
      .meta(
        describeSetting(
          "Value clip",
          "How far a value may move from the old one before its loss is cut; empty: not clipped.",
          { paper: "0.5", advanced: true },
        ),
      ),
  })
  .prefault({})
  .meta({ title: "Critic", description: "What estimates the value of a state (PPO)." });
export type CriticConfig = z.infer<typeof criticSchema>;

export const rlSchema = z
  .strictObject({
    algorithm: algorithmNameSchema
      .default("grpo")
      .meta(
        describeSetting(
          "Algorithm",
          "`ppo`: a critic and GAE, as s3 trains; `grpo`: advantages normalised within a question's samples; `dr-grpo`: without the division by their deviation; `rloo`: against the mean of the other samples; `reinforce++`: normalised over the batch; `dapo`: GRPO with a higher upper clip and groups without variance drawn again; `rejection-sampling`: cross-entropy on each question's best episodes (docs/method.md).",
          { paper: "ppo" },
        ),
      ),
    steps: z
      .int()
      .min(0)
      .max(100_000)
      .default(20)
      .meta(
        describeSetting(
          "Steps",
          "Steps of reinforcement learning: rollouts and the update from them.",
          {
            paper: "20",
          },
        ),
      ),
    questionsPerStep: z
      .int()
      .min(1)
      .max(4096)
      .default(8)
      .meta(
        describeSetting("Questions per step", "Different questions in a step.", { paper: "120" }),
      ),
    groupSize: z
      .int()
      .min(1)
      .max(64)
      .default(4)
      .meta(
        describeSetting(
          "Samples per question",
          "Episodes per question; group algorithms take their baseline from them.",
          { paper: "1" },
        ),
      ),
    temperature: z
      .number()
      .positive()
      .max(2)
      .default(1)
      .meta(
        describeSetting("Temperature", "Sampling temperature of the rollouts.", { paper: "0.6" }),
      ),
    learningRate: z
      .number()
      .positive()
      .max(1)
      .default(5e-4)
      .meta(
        describeSetting("Learning rate", "AdamW learning rate.", {
          paper: "1e-6 (full fine-tuning)",
        }),
      ),
    lrWarmupSteps: z
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .meta(
        describeSetting(
          "Learning-rate warm-up",
          "Steps in which the learning rates of searcher and critic rise linearly to their values.",
          { paper: "critic: 1% of the steps", advanced: true },
        ),
      ),
    epochs: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .meta(
        describeSetting("Epochs", "Passes over the episodes of a step.", {
          paper: "1",
          advanced: true,
        }),
      ),
    miniBatch: z
      .int()
      .min(0)
      .max(262_144)
      .default(0)
      .meta(
        describeSetting("Mini-batch", "Episodes per optimiser step; 0: all of the step.", {
          paper: "30",
          advanced: true,
        }),
      ),
    clip: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .meta(
        describeSetting("Clip", "Range of the importance ratio.", { paper: "0.2", advanced: true }),
      ),
    clipHigh: z
      .number()
      .min(0)
      .max(10)
      .nullable()
      .default(null)
      .meta(
        describeSetting(
          "Upper clip",
          "Range of the importance ratio above 1; empty: as below it, with DAPO 0.28.",
          { advanced: true },
        ),
      ),
    normalisation: z
      .enum(["token", "sequence", "constant"])
      .default("token")
      .meta(
        describeSetting(
          "Normalisation",
          "The loss is averaged over all action tokens (`token`), within each episode and then over episodes (`sequence`), or divided by the longest possible episode (`constant`, as Dr. GRPO).",
          { paper: "token", advanced: true },
        ),
      ),
    gamma: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .meta(
        describeSetting("Gamma", "Discount per action token (PPO, REINFORCE++).", {
          paper: "1",
          advanced: true,
        }),
      ),
    lambda: z
      .number()
      .min(0)
      .max(1)
      .default(1)
      .meta(
        describeSetting(
          "Lambda",
          "Of generalised advantage estimation (PPO): 1 trusts the rewards, 0 the critic.",
          { paper: "1", advanced: true },
        ),
      ),
    whiten: z
      .boolean()
      .default(true)
      .meta(
        describeSetting(
          "Whiten advantages",
          "To mean 0 and variance 1 over the action tokens of a step (PPO).",
          { paper: "on", advanced: true },
        ),
      ),
    klCoefficient: z
      .number()
      .min(0)
      .max(10)
      .default(0)
      .meta(
        describeSetting(
          "KL coefficient",
          "Weight of the KL to the policy before reinforcement learning.",
          {
            paper: "0.001",
            advanced: true,
          },
        ),
      ),
    klEstimator: z
      .enum(["k1", "k2", "k3"])
      .default("k3")
      .meta(
        describeSetting(
          "KL estimator",
          "Schulman's estimators of the KL from samples: k1 unbiased, k2 half the square, k3 unbiased and never negative.",
          { paper: "k1", advanced: true },
        ),
      ),
    klIn: z
      .enum(["loss", "reward"])
      .default("loss")
      .meta(
        describeSetting(
          "KL in",
          "The penalty is a term of the loss, or taken from the reward of each action token (of each episode, for group algorithms).",
          { paper: "reward", advanced: true },
        ),
      ),
    klTarget: z
      .number()
      .positive()
      .max(1000)
      .nullable()
      .default(null)
      .meta(
        describeSetting(
          "KL target",
          "The coefficient follows the measured KL towards this value (Ziegler et al. 2019); empty: it is fixed.",
          { paper: "fixed", advanced: true },
        ),
      ),
    klHorizon: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .default(10_000)
      .meta(
        describeSetting("KL horizon", "Episodes in which the coefficient adapts.", {
          advanced: true,
        }),
      ),
    entropyCoefficient: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .meta(
        describeSetting("Entropy coefficient", "Weight of the entropy bonus.", {
          paper: "0.001",
          advanced: true,
        }),
      ),
    gradientClip: z
      .number()
      .positive()
      .max(100)
      .default(1)
      .meta(
        describeSetting("Gradient clip", "Largest gradient norm.", { paper: "1", advanced: true }),
      ),
    resample: z
      .int()
      .min(0)
      .max(8)
      .default(1)
      .meta(
        describeSetting(
          "Resample",
          "How many times groups that cannot teach (all samples earned the same) are replaced by new questions in a step.",
        ),
      ),
    filterAnswered: z
      .boolean()
      .default(true)
      .meta(
        describeSetting(
          "Skip what naive RAG answers",
          "Questions that naive RAG already answers leave the pool.",
          { paper: "on" },
        ),
      ),
    overlap: z
      .boolean()
      .default(false)
      .meta(
        describeSetting(
          "Overlap",
          "The next step's episodes are rolled out while this step's gradient is taken: off-policy by one step, which the importance ratio corrects.",
          { paper: "off", advanced: true },
        ),
      ),
    oldLogprobs: z
      .enum(["sampler", "trainer"])
      .default("sampler")
      .meta(
        describeSetting(
          "Old log-probabilities",
          "The ratio's denominator: as the sampler gave them, or computed anew by the trainer before the update.",
          { paper: "trainer", advanced: true },
        ),
      ),
    truncateRatio: z
      .number()
      .min(1)
      .max(100)
      .nullable()
      .default(null)
      .meta(
        describeSetting(
          "Truncate mismatch",
          "Tokens are weighted by how much likelier the trainer finds them than the sampler did, at most this (truncated importance sampling); empty: not.",
          { advanced: true },
        ),
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
      rl.overlap && rl.oldLogprobs === "trainer",
      "oldLogprobs",
      "overlapped episodes are corrected by the sampler's log-probabilities: choose sampler, or switch overlap off",
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

export const evaluationSchema = z
  .strictObject({
    every: z
      .int()
      .min(0)
      .max(100_000)
      .default(5)
      .meta(
        describeSetting(
          "Evaluate every",
          "Held-out evaluation after every n steps; 0: only at the end.",
          {
            paper: "20",
          },
        ),
      ),
    questions: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(72)
      .meta(
        describeSetting(
          "Held-out questions",
          "How many held-out questions each evaluation asks; 0: none.",
        ),
      ),
  })
  .prefault({})
  .meta({
    title: "Evaluation",
    description: "Greedy episodes on held-out questions, beside naive RAG.",
  });

export const checkpointingSchema = z
  .strictObject({
    every: z
      .int()
      .min(1)
      .max(100_000)
      .default(5)
      .meta(
        describeSetting("Checkpoint every", "A checkpoint after every n steps, and at the end.", {
          paper: "20",
        }),
      ),
    keep: z
      .int()
      .min(1)
      .max(1000)
      .default(3)
      .meta(
        describeSetting("Checkpoints kept", "Older ones are deleted; the last always stays.", {
          advanced: true,
        }),
      ),
  })
  .prefault({})
  .meta({
    title: "Checkpoints",
    description: "When the state is saved, so that the run can be resumed.",
  });
