import type { ClusterSum } from "./bootstrap";
import { computeNormalQuantile } from "./special";
import { computeStudentQuantile } from "./student";

/** How small a difference a paired comparison can see, and how many questions and seeds a smaller one needs. Pure. */

/** Two-sided level of the test, and the probability with which it shows a difference that is there. */
const LEVEL = 0.05;
const POWER = 0.8;

/**
 * Standard error of the mean of clustered differences, by linearisation of the ratio of sums (Cochran 1977, section
 * 6.3). Null where it is not known: fewer than two clusters, or none that differs from another.
 */
export function computeStandardError(entries: readonly ClusterSum[]): number | null {
  const clusters = entries.length;
  if (clusters < 2) return null;
  const observations = entries.reduce((all, { count }) => all + count, 0);
  const mean = entries.reduce((all, { sum }) => all + sum, 0) / observations;
  const squares = entries.reduce((all, { sum, count }) => all + (sum - mean * count) ** 2, 0);
  const error = Math.sqrt((squares * clusters) / (clusters - 1)) / observations;
  return error > 1e-12 ? error : null;
}

const factors = new Map<number, number>();

/** Standard errors that a true difference must measure to be shown at 5% with a power of 80% (Bloom 1995). */
function getDetectionFactor(degrees: number): number {
  const degreesOrNormal = degrees >= 1_000 ? Infinity : degrees;
  const known = factors.get(degreesOrNormal);
  if (known !== undefined) return known;
  const getQuantile = (tail: number): number =>
    degreesOrNormal === Infinity
      ? computeNormalQuantile(tail)
      : computeStudentQuantile(tail, degreesOrNormal);
  const factor = getQuantile(LEVEL / 2) + getQuantile(1 - POWER);
  factors.set(degreesOrNormal, factor);
  return factor;
}

/** The smallest true difference that a comparison of these clusters shows at 5% with a power of 80%; null: not known. */
export function computeSmallestDifference(entries: readonly ClusterSum[]): number | null {
  const error = computeStandardError(entries);
  return error === null ? null : error * getDetectionFactor(entries.length - 1);
}

/** What a method's results under several seeds vary by. */
interface SeedVariance {
  seeds: number;
  /** Of one question's score from seed to seed, over what moves all questions together: falls with questions x seeds. */
  within: number;
  /** Of the mean over all questions from seed to seed: falls with seeds alone. */
  between: number;
}

/**
 * Splits a method's scores under several seeds into what varies within questions and between seeds: two-way analysis of
 * variance without replication, negative estimates as 0 (Searle, Casella and McCulloch 1992, section 4.4). Null where
 * there are fewer than two seeds or two questions.
 *
 * @param scores by seed, then by question; every one a number
 */
export function splitSeedVariance(scores: readonly ArrayLike<number>[]): SeedVariance | null {
  const seeds = scores.length;
  const questions = scores[0]?.length ?? 0;
  if (seeds < 2 || questions < 2) return null;
  const seedMeans = scores.map((of) => Array.from(of).reduce((a, b) => a + b, 0) / questions);
  const mean = seedMeans.reduce((a, b) => a + b, 0) / seeds;
  let residual = 0;
  for (let q = 0; q < questions; q++) {
    const questionMean = scores.reduce((sum, of) => sum + of[q]!, 0) / seeds;
    for (let s = 0; s < seeds; s++)
      residual += (scores[s]![q]! - questionMean - seedMeans[s]! + mean) ** 2;
  }
  const within = residual / ((seeds - 1) * (questions - 1));
  const bySeed =
    (questions * seedMeans.reduce((sum, of) => sum + (of - mean) ** 2, 0)) / (seeds - 1);
  return { seeds, within, between: Math.max(0, (bySeed - within) / questions) };
}

/** Parts of the variance of a paired difference, each of one question or one seed. */
interface PairedVariance {
  /** Of a question's difference that more seeds do not lessen, clusters of questions allowed for. */
  betweenQuestions: number;
  /** Of a question's difference from seed to seed. */
  withinQuestions: number;
  /** Of the difference over all questions from seed to seed. */
  betweenSeeds: number;
}

/**
 * Parts of a paired difference's variance. What is not known of a method's seeds counts to the questions.
 *
 * @param entries clusters of the differences of both methods' scores, each averaged over its seeds
 * @returns null where the clusters do not tell a variance
 */
export function splitPairedVariance(
  entries: readonly ClusterSum[],
  methods: readonly (SeedVariance | null)[],
): PairedVariance | null {
  const error = computeStandardError(entries);
  if (error === null) return null;
  const questions = entries.reduce((all, { count }) => all + count, 0);
  const sum = (read: (method: SeedVariance) => number): number =>
    methods.reduce((all, method) => all + (method ? read(method) : 0), 0);
  return {
    betweenQuestions: Math.max(
      0,
      error ** 2 * questions - sum(({ within, seeds }) => within / seeds),
    ),
    withinQuestions: sum(({ within }) => within),
    betweenSeeds: sum(({ between }) => between),
  };
}

/** The smallest difference that so many questions under so many seeds each show, at 5% with a power of 80%. */
export function predictSmallestDifference(
  { betweenQuestions, withinQuestions, betweenSeeds }: PairedVariance,
  questions: number,
  seeds: number,
): number {
  const variance = (betweenQuestions + withinQuestions / seeds) / questions + betweenSeeds / seeds;
  return getDetectionFactor(Infinity) * Math.sqrt(variance);
}

/**
 * Questions that a difference needs under so many seeds of each method, at 5% with a power of 80% (Miller 2024, "Adding
 * Error Bars to Evals", section 5, with a part for seeds). Null where no number of questions is enough: more seeds are.
 *
 * @param difference as a share, above 0: 0.03 for three points
 */
export function planQuestions(
  { betweenQuestions, withinQuestions, betweenSeeds }: PairedVariance,
  difference: number,
  seeds: number,
): number | null {
  const allowed = (difference / getDetectionFactor(Infinity)) ** 2 - betweenSeeds / seeds;
  return allowed <= 0 ? null : Math.ceil((betweenQuestions + withinQuestions / seeds) / allowed);
}

/** The fewest seeds with which some number of questions shows a difference; see planQuestions. */
export const countNeededSeeds = ({ betweenSeeds }: PairedVariance, difference: number): number =>
  Math.floor(betweenSeeds / (difference / getDetectionFactor(Infinity)) ** 2) + 1;
