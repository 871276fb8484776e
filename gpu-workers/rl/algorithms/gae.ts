/**
 * Generalised advantage estimation (Schulman et al. 2016, equation 16) over an episode's action tokens; after the last
 * one the episode is over, so the value is 0.
 *   delta_t = r_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1},   R_t = A_t + V_t
 */
export function computeGae(
  rewards: readonly number[],
  values: readonly number[],
  gamma: number,
  lambda: number,
): { advantages: number[]; returns: number[] } {
  const advantages = new Array<number>(rewards.length).fill(0);
  let next = 0;
  for (let t = rewards.length - 1; t >= 0; t--) {
    const delta = rewards[t]! + gamma * (values[t + 1] ?? 0) - values[t]!;
    next = delta + gamma * lambda * next;
    advantages[t] = next;
  }
  return { advantages, returns: advantages.map((a, t) => a + values[t]!) };
}

/** Reward of each action token: what the KL takes, and at the last one what the episode earned. */
export const buildTokenRewards = (reward: number, penalties: readonly number[]): number[] =>
  penalties.map((penalty, t) => (t === penalties.length - 1 ? reward : 0) - penalty);

/** Discounted sums of what is still to come. */
export function computeDiscountedReturns(rewards: readonly number[], gamma: number): number[] {
  const returns = new Array<number>(rewards.length).fill(0);
  let next = 0;
  for (let t = rewards.length - 1; t >= 0; t--) returns[t] = next = rewards[t]! + gamma * next;
  return returns;
}

/** Mean 0 and sample variance 1 over all entries of all lists (verl's masked_whiten, given action tokens only). */
export function whiten(lists: readonly (readonly number[])[]): number[][] {
  const all = lists.flat();
  if (all.length < 2) return lists.map((list) => list.map(() => 0));
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  const variance = all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (all.length - 1);
  return lists.map((list) => list.map((x) => (x - mean) / Math.sqrt(variance + 1e-8)));
}
