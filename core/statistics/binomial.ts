import { computeLogGamma } from "./special";

/**
 * A draw from Binomial(n, p). Few expected successes: geometric jumps from one to the next (Devroye 1986, X.4.3).
 * Many: transformed rejection (Hörmann 1993, algorithm BTRS), whose cost does not grow with n.
 *
 * @param random numbers in [0, 1)
 */
export function drawBinomial(n: number, p: number, random: () => number): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - drawBinomial(n, 1 - p, random);
  return n * p < 10 ? drawByJumps(n, p, random) : drawByRejection(n, p, random);
}

function drawByJumps(n: number, p: number, random: () => number): number {
  const logMiss = Math.log1p(-p);
  let trials = 0;
  let successes = 0;
  for (;;) {
    trials += Math.floor(Math.log(1 - random()) / logMiss) + 1;
    if (trials > n) return successes;
    successes += 1;
  }
}

function drawByRejection(n: number, p: number, random: () => number): number {
  const spread = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const c = n * p + 0.5;
  const accepted = 0.92 - 4.2 / b;
  for (;;) {
    const u = random() - 0.5;
    let v = random();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + c);
    if (us >= 0.07 && v <= accepted) return k;
    if (k < 0 || k > n) continue;
    // Few draws come here, so these values are computed only now.
    const alpha = (2.83 + 5.1 / b) * spread;
    const mode = Math.floor((n + 1) * p);
    const h = computeLogGamma(mode + 1) + computeLogGamma(n - mode + 1);
    v = Math.log((v * alpha) / (a / (us * us) + b));
    if (
      v <=
      h - computeLogGamma(k + 1) - computeLogGamma(n - k + 1) + (k - mode) * Math.log(p / (1 - p))
    )
      return k;
  }
}
