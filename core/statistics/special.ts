/** Special functions that tests and intervals need. Pure; relative error below 1e-12 in the ranges used here. */

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
];

/** Logarithm of the gamma function for x > 0 (Lanczos approximation, g = 7). */
export function computeLogGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - computeLogGamma(1 - x);
  const t = x + 6.5;
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x - 1 + i);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * Upper regularised incomplete gamma function Q(a, x), by its series below a + 1 and its continued fraction above
 * (Lentz's method).
 */
function computeUpperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - computeLogGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 1000 && Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return 1 - front * sum;
  }
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 1000; i++) {
    const an = -i * (i - a);
    b += 2;
    d = an * d + b;
    if (Math.abs(d) < tiny) d = tiny;
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    d = 1 / d;
    const factor = d * c;
    h *= factor;
    if (Math.abs(factor - 1) < 1e-16) break;
  }
  return front * h;
}

/** Probability that a chi-square variable with one degree of freedom exceeds x. */
export const computeChiSquareTail = (x: number): number => computeUpperGamma(0.5, x / 2);

/** Probability that a standard normal variable exceeds z. */
export const computeNormalTail = (z: number): number =>
  z < 0 ? 1 - computeNormalTail(-z) : 0.5 * computeUpperGamma(0.5, (z * z) / 2);

/** z with normalTail(z) = tail, for 0 < tail < 1: bisection brackets it, Newton's steps finish it. */
export function computeNormalQuantile(tail: number): number {
  if (!(tail > 0 && tail < 1)) throw new RangeError("A tail probability lies between 0 and 1.");
  if (tail > 0.5) return -computeNormalQuantile(1 - tail);
  let low = 0;
  let high = 40;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (computeNormalTail(middle) > tail) low = middle;
    else high = middle;
  }
  let z = (low + high) / 2;
  for (let i = 0; i < 3; i++) {
    const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
    if (density > 0) z += (computeNormalTail(z) - tail) / density;
  }
  return z;
}

/** P(X <= k) for X of Binomial(n, 1/2), summed from its largest term downwards. */
export function computeHalfBinomialCdf(k: number, n: number): number {
  if (k < 0) return 0;
  if (k >= n) return 1;
  if (2 * k > n) return 1 - computeHalfBinomialCdf(n - k - 1, n);
  let term = Math.exp(
    computeLogGamma(n + 1) - computeLogGamma(k + 1) - computeLogGamma(n - k + 1) - n * Math.LN2,
  );
  let sum = 0;
  for (let i = k; i >= 0 && term > sum * 1e-17; i--) {
    sum += term;
    term *= i / (n - i + 1);
  }
  return Math.min(1, sum);
}
