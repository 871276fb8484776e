/** Reward of each action token: minus its KL penalty, and at the last token plus what the episode earned. */
export const buildTokenRewards = (reward: number, penalties: readonly number[]): number[] =>
  penalties.map((penalty, t) => (t === penalties.length - 1 ? reward : 0) - penalty);

/** Discounted returns: for each token the discounted sum of its reward and those that follow. */
export function computeDiscountedReturns(rewards: readonly number[], gamma: number): number[] {
  const returns = new Array<number>(rewards.length).fill(0);
  let next = 0;
  for (let t = rewards.length - 1; t >= 0; t--) returns[t] = next = rewards[t]! + gamma * next;
  return returns;
}

/** Shifts and scales to mean 0 and sample variance 1 over all entries of all lists (verl's masked_whiten). */
export function whiten(lists: readonly (readonly number[])[]): number[][] {
  const all = lists.flat();
  if (all.length < 2) return lists.map((list) => list.map(() => 0));
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  const variance = all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (all.length - 1);
  return lists.map((list) => list.map((x) => (x - mean) / Math.sqrt(variance + 1e-8)));
}
