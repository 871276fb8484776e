import type { RlConfig } from "@/contracts/run-config/rl";

/**
 * Estimators of KL(policy, reference) from one token that the policy chose (Schulman 2020, "Approximating KL
 * divergence"), with d = log reference - log policy: k1 = -d, k2 = d^2 / 2, k3 = exp(d) - 1 - d.
 */
export const KL_ESTIMATORS: Record<
  RlConfig["klEstimator"],
  (logprob: number, reference: number) => number
> = {
  k1: (logprob, reference) => logprob - reference,
  k2: (logprob, reference) => (logprob - reference) ** 2 / 2,
  k3: (logprob, reference) => Math.expm1(reference - logprob) - (reference - logprob),
};

/**
 * Next value of the KL coefficient (Ziegler et al. 2019, section 2.2): it grows where the measured KL is above the target
 * and shrinks where it is below, by at most a fifth in `rl.klHorizon` episodes. Without a target it stays.
 */
export function adaptKlCoefficient(
  coefficient: number,
  measured: number,
  episodes: number,
  rl: Pick<RlConfig, "klTarget" | "klHorizon">,
): number {
  if (rl.klTarget === null) return coefficient;
  const error = Math.min(0.2, Math.max(-0.2, measured / rl.klTarget - 1));
  return coefficient * (1 + (error * episodes) / rl.klHorizon);
}
