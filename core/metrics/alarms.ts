import type { AlarmEvidence, AlarmName, Measured } from "@/contracts/records/alarms";
import { ALARM_MEANINGS } from "@/contracts/records/alarm-meanings";

/** Texts of alarms: what one means, what to do about it, and what it saw. */

const REMEDIES: Readonly<Record<AlarmName, string>> = {
  "reward-hacking":
    "Read episodes that were rewarded and look wrong. Go on from the checkpoint of the best evaluation with a lower rl.learningRate, fewer rl.epochs or a higher rl.klCoefficient; where the scorer is exploited, choose a stricter reward.scorer.",
  "entropy-collapse":
    "Go on from a checkpoint before it with a lower rl.learningRate, a higher rl.temperature or a higher rl.entropyCoefficient.",
  "length-explosion":
    "Charge for length and searches (reward.weights.length, reward.weights.search), or lower search.turns and search.turnTokens; go on from a checkpoint before it.",
  "question-copied":
    "Give a cold start on gold paths (coldStart.demonstrations), turn on search.skipSeen so that a repeated query brings new documents, or charge for searches (reward.weights.search).",
  "format-drift":
    "Set search.decoding to guided, reward the format (reward.weights.format), lower rl.learningRate or raise rl.klCoefficient; go on from a checkpoint before it.",
  "no-variance":
    "Raise rl.temperature, rl.groupSize or rl.resample. Where every reward is 0, give a cold start (coldStart.demonstrations) or easier questions; where every reward is 1, harder ones.",
  "kl-runaway":
    "Lower rl.learningRate or rl.epochs and raise rl.klCoefficient; go on from a checkpoint before it.",
  "value-useless":
    "Train the critic alone for longer first (rl.critic.warmupSteps), change rl.critic.learningRate, or choose an rl.algorithm without a critic (grpo, rloo).",
  "gradient-explosion":
    "Lower rl.learningRate (of a critic: rl.critic.learningRate) and go on from a checkpoint before it. A lower rl.gradientClip bounds the harm, not the cause.",
  "generator-errors":
    "Look at the endpoint's log and load. Lower generator.connection.concurrency or set generator.connection.requestsPerMinute; generator.connection.retrySeconds says how long a request is retried before the run stops.",
  "likelihood-displacement":
    "Go on from a checkpoint before it with a lower rl.learningRate, a higher rl.klCoefficient, or fewer optimiser steps on the same episodes (rl.epochs, a larger rl.miniBatch).",
  "queries-alike":
    "Go on from a checkpoint before it with a higher rl.klCoefficient or rl.temperature; charge for searches (reward.weights.search), so that one that finds nothing costs, and set search.skipSeen.",
  "swallowed-errors":
    "Read the error in the run's log and mend its cause (often memory, or a retriever or generator that does not answer), then start the command again.",
  "dead-questions":
    "Give a cold start (coldStart.demonstrations) or easier questions, raise rl.groupSize or rl.temperature, or reward a step towards the answer (reward.weights.goldRecall).",
};

/** What is shown of an alarm: its name, its meaning, and the settings that help. */
export const ALARMS = Object.fromEntries(
  Object.entries(ALARM_MEANINGS).map(([name, texts]) => [
    name,
    { ...texts, remedy: REMEDIES[name as AlarmName] },
  ]),
) as Readonly<Record<AlarmName, { title: string; meaning: string; remedy: string }>>;

const formatNumber = (value: number): string => String(Number(value.toPrecision(3)));

/** "steps 3–7", "step 4". */
const formatSteps = ({ fromStep, toStep }: Measured): string =>
  fromStep === toStep ? `step ${toStep}` : `steps ${fromStep}–${toStep}`;

/** "actor/entropy_loss 0.31 (steps 1–5), then 0.02 (steps 16–20); limit: at most 0.05". */
export function formatAlarmEvidence({ metric, now, before, limit }: AlarmEvidence): string {
  const then =
    before === null ? "" : `${formatNumber(before.value)} (${formatSteps(before)}), then `;
  const bound =
    limit === null
      ? ""
      : `; limit: ${limit.side === "at-least" ? "at least" : "at most"} ${formatNumber(limit.value)}`;
  return `${metric} ${then}${formatNumber(now.value)} (${formatSteps(now)})${bound}`;
}
