import type { MetricName } from "@/core/metrics/metric-table";

/**
 * What other trainers call the metrics that the alarms' rules read, the most exact first: verl, TRL (also under `train/`,
 * as transformers' callbacks write it), SkyRL and prime-rl. A trainer that uses our name is taken at its word.
 */
const REPORTED_NAMES = {
  "reward/mean": [
    "critic/score/mean",
    "critic/rewards/mean",
    "reward",
    "train/reward",
    "reward/avg_raw_reward",
  ],
  "actor/entropy_loss": [
    "actor/entropy",
    "entropy",
    "train/entropy",
    "policy/policy_entropy",
    "entropy/mean",
  ],
  "actor/kl_loss": ["kl", "train/kl", "policy/policy_kl"],
  "critic/kl": ["actor/reward_kl_penalty"],
  "response_length/mean": [
    "completions/mean_length",
    "train/completions/mean_length",
    "generate/avg_num_tokens",
  ],
  "response_length/clip_ratio": ["completions/clipped_ratio", "train/completions/clipped_ratio"],
  "actor/grad_norm": ["grad_norm", "train/grad_norm", "policy/raw_grad_norm", "optim/grad_norm"],
  "groups/without_variance": ["frac_reward_zero_std", "train/frac_reward_zero_std"],
} satisfies Partial<Record<MetricName, readonly string[]>>;

/**
 * Which of a run's own metrics stands for which of ours: one each, so that two names of one thing are not mixed.
 *
 * @param reported names of all metrics that the run has
 * @returns ours by the run's name
 */
export function matchReportedMetrics(reported: ReadonlySet<string>): Map<string, MetricName> {
  const matched = new Map<string, MetricName>();
  for (const [ours, names] of Object.entries(REPORTED_NAMES)) {
    const name = reported.has(ours) ? undefined : names.find((one) => reported.has(one));
    if (name !== undefined) matched.set(name, ours as MetricName);
  }
  return matched;
}
