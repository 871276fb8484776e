import { z } from "zod";

/** The known collapses of search by reinforcement learning. Their rules are in gpu-workers/s3/alarms/rules.ts. */
export const alarmNameSchema = z.enum([
  "reward-hacking",
  "entropy-collapse",
  "length-explosion",
  "question-copied",
  "format-drift",
  "no-variance",
  "kl-runaway",
  "value-useless",
  "gradient-explosion",
  "generator-errors",
]);
export type AlarmName = z.infer<typeof alarmNameSchema>;

/** What people read of an alarm: what it is called, what it means, and which settings mend it. */
export const ALARMS: Readonly<
  Record<AlarmName, { title: string; meaning: string; remedy: string }>
> = {
  "reward-hacking": {
    title: "Reward up, held-out GBR down",
    meaning:
      "The training reward rises while Gain Beyond RAG on held-out questions falls: what is learned does not carry over, or exploits the reward.",
    remedy:
      "Read episodes that were rewarded and look wrong. Go on from the checkpoint of the best evaluation with a lower rl.learningRate, fewer rl.epochs or a higher rl.klCoefficient; where the scorer is exploited, choose a stricter reward.scorer.",
  },
  "entropy-collapse": {
    title: "Entropy collapse",
    meaning:
      "The policy is nearly sure of every token: its samples are all alike, so it no longer explores and hardly learns.",
    remedy:
      "Go on from a checkpoint before it with a lower rl.learningRate, a higher rl.temperature or a higher rl.entropyCoefficient.",
  },
  "length-explosion": {
    title: "Length explosion",
    meaning:
      "The searcher writes ever more without earning more, or most of its texts are cut by a token limit.",
    remedy:
      "Charge for length and searches (reward.weights.length, reward.weights.search), or lower search.turns and search.turnTokens; go on from a checkpoint before it.",
  },
  "question-copied": {
    title: "Question copied as query",
    meaning:
      "Most queries after the first retrieval are the question itself: such a search finds what was found already.",
    remedy:
      "Give a cold start on gold paths (coldStart.demonstrations), turn on search.skipSeen so that a repeated query brings new documents, or charge for searches (reward.weights.search).",
  },
  "format-drift": {
    title: "Format drift",
    meaning: "Format errors per episode have multiplied: the searcher unlearns the protocol.",
    remedy:
      "Set search.decoding to guided, reward the format (reward.weights.format), lower rl.learningRate or raise rl.klCoefficient; go on from a checkpoint before it.",
  },
  "no-variance": {
    title: "Groups without variance",
    meaning:
      "In nearly every group all samples earn the same, so there is no advantage and no gradient: steps cost time and teach nothing.",
    remedy:
      "Raise rl.temperature, rl.groupSize or rl.resample. Where every reward is 0, give a cold start (coldStart.demonstrations) or easier questions; where every reward is 1, harder ones.",
  },
  "kl-runaway": {
    title: "KL runaway",
    meaning:
      "The policy leaves the one that reinforcement learning began with fast and far; language and protocol break next.",
    remedy:
      "Lower rl.learningRate or rl.epochs and raise rl.klCoefficient; go on from a checkpoint before it.",
  },
  "value-useless": {
    title: "Value function worse than nothing",
    meaning:
      "The critic predicts returns much worse than their mean would: its advantages are noise.",
    remedy:
      "Train the critic alone for longer first (rl.critic.warmupSteps), change rl.critic.learningRate, or choose an rl.algorithm without a critic (grpo, rloo).",
  },
  "gradient-explosion": {
    title: "Exploding gradient",
    meaning:
      "Gradient norms stay far above their usual size and above the clip: the direction of each step is decided by few tokens.",
    remedy:
      "Lower rl.learningRate (of a critic: rl.critic.learningRate) and go on from a checkpoint before it. A lower rl.gradientClip bounds the harm, not the cause.",
  },
  "generator-errors": {
    title: "Errors of the generator",
    meaning:
      "Many requests to the generator or judge fail and are sent again. Each is answered in the end or stops the run, so no reward is wrong, but steps take long.",
    remedy:
      "Look at the endpoint's log and load. Lower generator.connection.concurrency or set generator.connection.requestsPerMinute; generator.connection.retrySeconds says how long a request is retried before the run stops.",
  },
};

/** Values of one metric over some steps, in one number. */
export const measuredSchema = z.object({
  value: z.number(),
  fromStep: z.int().nonnegative(),
  toStep: z.int().nonnegative(),
});
export type Measured = z.infer<typeof measuredSchema>;

/** What an alarm saw of one metric. */
export const alarmEvidenceSchema = z.object({
  metric: z.string().min(1).max(120),
  now: measuredSchema,
  /** What it is held against; null: the limit is a fixed one. */
  before: measuredSchema.nullable(),
  /** The limit that `now` has passed; null where this metric only stands beside. */
  limit: z.object({ side: z.enum(["at-least", "at-most"]), value: z.number() }).nullable(),
});
export type AlarmEvidence = z.infer<typeof alarmEvidenceSchema>;

/** An alarm is raised after a step, and cleared after a later one. One alarm changes at most once a step. */
export const alarmChangeSchema = z.discriminatedUnion("to", [
  z.object({
    to: z.literal("raised"),
    name: alarmNameSchema,
    /** Step after which it was noticed. */
    step: z.int().nonnegative(),
    /** First step that belongs to it. */
    since: z.int().nonnegative(),
    evidence: z.array(alarmEvidenceSchema).min(1),
  }),
  z.object({ to: z.literal("cleared"), name: alarmNameSchema, step: z.int().nonnegative() }),
]);
export type AlarmChange = z.infer<typeof alarmChangeSchema>;
export type RaisedAlarm = Extract<AlarmChange, { to: "raised" }>;

const number = (value: number): string => String(Number(value.toPrecision(3)));

/** "steps 3–7", "step 4". */
export const stepsText = ({ fromStep, toStep }: Measured): string =>
  fromStep === toStep ? `step ${toStep}` : `steps ${fromStep}–${toStep}`;

/** "actor/entropy_loss 0.31 (steps 1–5), then 0.02 (steps 16–20); limit: at most 0.05". */
export function evidenceText({ metric, now, before, limit }: AlarmEvidence): string {
  const then = before === null ? "" : `${number(before.value)} (${stepsText(before)}), then `;
  const bound =
    limit === null
      ? ""
      : `; limit: ${limit.side === "at-least" ? "at least" : "at most"} ${number(limit.value)}`;
  return `${metric} ${then}${number(now.value)} (${stepsText(now)})${bound}`;
}
