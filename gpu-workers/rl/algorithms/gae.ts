/**
 * Generalised advantage estimation (Schulman et al. 2016, equation 16) over an episode's action tokens:
 *   delta_t = r_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1},   R_t = A_t + V_t
 * The value after the last token is 0, because the episode is over. The released code has the critic's there (`endValue`)
 * and then a further state with reward and next value 0.
 */
export function computeGae(
  rewards: readonly number[],
  values: readonly number[],
  gamma: number,
  lambda: number,
  endValue = 0,
): { advantages: number[]; returns: number[] } {
  const advantages = new Array<number>(rewards.length).fill(0);
  let next = -endValue;
  for (let t = rewards.length - 1; t >= 0; t--) {
    const delta = rewards[t]! + gamma * (values[t + 1] ?? endValue) - values[t]!;
    next = delta + gamma * lambda * next;
    advantages[t] = next;
  }
  return { advantages, returns: advantages.map((a, t) => a + values[t]!) };
}
